/*
 * The bus: nng pub/sub through a hub, or through several that all programs dial: each message then goes through all, and comes
 * once from each that is there. It only notifies: every message is a copy of a committed row or a hint,
 * and a consumer that misses it finds the row on its next scan. Between attempts to connect pass 100 ms to
 * 5 s; a message has at most MESSAGE_BYTES_MAX.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/text.h"
#include "common/io/loop.h"

/*
 * For tls+tcp:// addresses: PEM files with the certificate and key of this process, and with the authority that
 * has signed those of all parties; "" for none. Before anything is opened. Returns 0 or -ENOMEM. A wrong file
 * shows at opening: -EKEYREJECTED.
 */
int bus_identity(const char *cert_file, const char *ca_file);

struct bus_pub;
struct bus_sub;
struct bus_hub;

/* Dials @url, or each of a list (url_is_bus()), in the background and again whenever the hub comes back. Returns 0, -EINVAL (URL), -EKEYREJECTED,
 * -ENOMEM. */
int bus_pub_open(const char *url, struct bus_pub **ret);
void bus_pub_close(struct bus_pub *p); /* waits up to 100 ms for the queue; NULL is nothing */
/*
 * Hand over an encoded message (proto/message.h); none blocks, and each returns how many messages were lost
 * (no hub, its queue is full, no memory), 0 when all went well. bus_pub_send() sends it, and all that was
 * added before, at once. bus_pub_add() keeps it for a batch: a pass of the loop adds its messages,
 * and bus_pub_flush() ends the pass.
 */
int bus_pub_send(struct bus_pub *p, struct str message);
int bus_pub_add(struct bus_pub *p, struct str message);
int bus_pub_flush(struct bus_pub *p);
bool bus_pub_connected(const struct bus_pub *p);

/*
 * Subscribes to topic prefixes ("" is everything). @on_message fires in the loop's thread, for at most 256
 * messages in a row, and the rest of their batch, before the loop goes on; @message lives until it returns.
 * @on_link (may be NULL) fires when the connection to the hub comes and goes.
 */
int bus_sub_open(struct loop *l, const char *url, const char *const *prefixes, int n_prefixes,
                 void (*on_message)(void *ctx, struct str message), void (*on_link)(void *ctx, bool up),
                 void *ctx, struct bus_sub **ret);
void bus_sub_close(struct bus_sub *s);
bool bus_sub_connected(const struct bus_sub *s);

/*
 * The hub: publishers dial @url_in, subscribers dial @url_out and get each message that comes in.
 * Subscribers that dial @url_feed ("": there is none) get the same in batches as they came, at a tenth of the
 * cost; bus_sub takes both. Addresses are tcp://, tls+tcp:// and ipc:// (a socket of mode 0660).
 *
 * Limits: a subscriber that is BUS_SUBSCRIBER_BYTES_MAX behind is closed, and so is the slowest when all that
 * waits is more than BUS_HUB_BYTES_MAX; a publisher of an empty or malformed message is closed.
 *
 * Returns 0, -EADDRINUSE, -EACCES, -EINVAL, -EKEYREJECTED, -ENOMEM, or another errno; *ret_failed_url names
 * the address that failed.
 */
int bus_hub_open(struct loop *l, const char *url_in, const char *url_out, const char *url_feed,
                 struct bus_hub **ret, const char **ret_failed_url);

/* As much as NATS holds for a client: ten minutes of 100 KiB/s, or a burst of 64 webhooks of the largest
 * size. */
#define BUS_SUBSCRIBER_BYTES_MAX ((size_t)64 * 1024 * 1024)
/* Of all subscribers together; those of one address share the waiting blocks. */
#define BUS_HUB_BYTES_MAX ((size_t)80 * 1024 * 1024)

struct bus_hub_counts {
    int publishers, subscribers; /* connected now */
    int64_t waiting_bytes;       /* held for subscribers now */
    int64_t slow;                /* closed since the start: subscribers that were too far behind, … */
    int64_t malformed;           /* … peers that sent a malformed message … */
    int64_t too_many;            /* … and connections or half messages over the limit */
};
void bus_hub_counts(const struct bus_hub *h, struct bus_hub_counts *ret);
void bus_hub_close(struct bus_hub *h);
