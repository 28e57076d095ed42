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
/*
 * Hand over an encoded message (proto/message.h); none blocks, and each returns how many messages were lost
 * (no hub, its queue is full, no memory), 0 when all went well. bus_pub_send() sends it, and all that was
 * added before, at once. bus_pub_add() keeps it for a batch: what belongs to one turn of the loop is added,
 * and bus_pub_flush() ends the turn.
 */
int bus_pub_send(struct bus_pub *p, struct str message);
int bus_pub_add(struct bus_pub *p, struct str message);
int bus_pub_flush(struct bus_pub *p);
bool bus_pub_connected(const struct bus_pub *p);

/*
 * Subscribes to topic prefixes ("" is everything). @on_message fires in the loop's thread, for at most 256
 * messages in a row, and the rest of their batch, before the loop turns; @message lives until it returns.
 * @on_link (may be NULL) fires when the connection to the hub comes and goes.
 */
int bus_sub_open(struct loop *l, const char *url, const char *const *prefixes, int n_prefixes,
                 void (*on_message)(void *ctx, struct str message), void (*on_link)(void *ctx, bool up),
                 void *ctx, struct bus_sub **ret);
void bus_sub_close(struct bus_sub *s);
bool bus_sub_connected(const struct bus_sub *s);

/*
 * The hub: publishers dial @url_in, subscribers dial @url_out and get message by message what comes in. Who
 * dials @url_feed ("": there is none) gets the same in batches as they came, at a tenth of the cost: that is
 * what bus_sub is for, which takes both. Returns 0, -EADDRINUSE, -EACCES, -EINVAL, -ENOMEM; *ret_failed_url
 * names the one that failed.
 */
int bus_hub_open(struct loop *l, const char *url_in, const char *url_out, const char *url_feed,
                 struct bus_hub **ret, const char **ret_failed_url);
/* Connections now, of both kinds of subscribers. */
void bus_hub_peers(const struct bus_hub *h, int *ret_publishers, int *ret_subscribers);
void bus_hub_close(struct bus_hub *h);
