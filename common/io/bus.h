/*
 * The bus: nng pub/sub through a hub. A bus only rings bells: what it loses nobody may miss (DESIGN
 * section 1.1). Buffers of 8192 messages, 100 ms to 5 s between attempts to connect, messages of at most
 * MESSAGE_BYTES_MAX.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/text.h"
#include "common/io/loop.h"

/* nng queues 16 (PUB) and 128 (SUB) messages by default and drops the rest in silence; with 8192 none of
 * 60,000 messages/s were lost through a hub (DESIGN section 7). */
#define BUS_QUEUE_MESSAGES 8192

struct bus_pub;
struct bus_sub;
struct bus_hub;

/* Dials @url in the background and again whenever the hub comes back. Returns 0, -EINVAL (URL), -ENOMEM. */
int bus_pub_open(const char *url, struct bus_pub **ret);
void bus_pub_close(struct bus_pub *p); /* waits up to 100 ms for what is queued; NULL is nothing */
/* Hands over one encoded message (proto/message.h). Never blocks. Returns 0, -EAGAIN (dropped: no hub or
 * queue full), -ENOMEM. */
int bus_pub_send(struct bus_pub *p, struct str message);
bool bus_pub_connected(const struct bus_pub *p);

/*
 * Subscribes to topic prefixes ("" is everything). @on_message fires in the loop's thread, for at most 256
 * messages in a row before the loop turns; @message lives until it returns. @on_link (may be NULL) fires when
 * the connection to the hub comes and goes.
 */
int bus_sub_open(struct loop *l, const char *url, const char *const *prefixes, int n_prefixes,
                 void (*on_message)(void *ctx, struct str message), void (*on_link)(void *ctx, bool up),
                 void *ctx, struct bus_sub **ret);
void bus_sub_close(struct bus_sub *s);
bool bus_sub_connected(const struct bus_sub *s);

/*
 * The hub: publishers dial @url_in, subscribers dial @url_out, everything that comes in goes out, in its own
 * thread. Returns 0, -EADDRINUSE, -EACCES, -EINVAL, -ENOMEM; *ret_busy_url names the one that failed.
 */
int bus_hub_open(const char *url_in, const char *url_out, struct bus_hub **ret, const char **ret_failed_url);
/* Pipes connected now. */
void bus_hub_peers(const struct bus_hub *h, int *ret_publishers, int *ret_subscribers);
void bus_hub_close(struct bus_hub *h);
