/*
 * The hub on the loop: each message that comes in goes out, to subscribers one by one and to the feed
 * unchanged.
 */
#include <errno.h>

#include "common/base/mem.h"
#include "common/io/bus.h"
#include "common/io/bus_batch.h"
#include "common/io/bus_listener.h"

/*
 * Bytes in one write. On the feed some 100 webhooks, as many as a batch of a publisher has. Subscribers of
 * single messages may be nng's own tools, whose queue of 128 messages overflows when a burst comes in one
 * piece: of 500 small webhooks at once nngcat then showed 150, with two in a write 480 (behind nng's own PUB
 * socket 280).
 */
#define FEED_BYTES ((size_t)64 * 1024)
#define OUT_BYTES  ((size_t)1024)

struct bus_hub {
    struct bus_listener *in, *out, *feed; /* feed may be NULL */
};

/* ---- forwarding ------------------------------------------------------------------------------ */

static void add_each(struct bus_outbox *to, struct str message)
{
    struct str rest = { message.p + 1, message.n - 1 };
    struct str one;

    if (message.p[0] != BUS_BATCH) {
        (void)bus_outbox_add(to,
                             message); /* without memory a notification is lost: that costs latency only */
        return;
    }
    while (bus_batch_next(&rest, &one))
        (void)bus_outbox_add(to, one);
}

static bool on_message(void *ctx, struct str message)
{
    struct bus_hub *h = ctx;

    if (!bus_message_is_valid(message))
        return false;
    if (h->feed)
        (void)bus_outbox_add(bus_listener_outbox(h->feed), message);
    if (bus_listener_outbox(h->out)->n_readers > 0)
        add_each(bus_listener_outbox(h->out), message);
    return true;
}

static size_t behind(struct bus_listener *l)
{
    const struct bus_reader *r = l ? bus_outbox_slowest(bus_listener_outbox(l)) : NULL;

    return r ? r->behind : 0;
}

static size_t held(struct bus_listener *l)
{
    return l ? bus_listener_outbox(l)->bytes : 0;
}

/* Checks both limits once a pass of the loop: a pass adds at most the content of the publishers' buffers. */
static void cut_slow(struct bus_hub *h)
{
    bool feed_is_slower = behind(h->feed) > behind(h->out);
    struct bus_listener *slower = feed_is_slower ? h->feed : h->out;

    if (behind(slower) > BUS_SUBSCRIBER_BYTES_MAX || held(h->out) + held(h->feed) > BUS_HUB_BYTES_MAX)
        bus_listener_cut_slowest(slower);
}

static void on_turn(void *ctx)
{
    struct bus_hub *h = ctx;

    bus_listener_send(h->out);
    if (h->feed)
        bus_listener_send(h->feed);
    cut_slow(h);
}

/* ---- open and close -------------------------------------------------------------------------- */

int bus_hub_open(struct loop *l, const char *url_in, const char *url_out, const char *url_feed,
                 struct bus_hub **ret, const char **ret_failed_url)
{
    struct bus_hub *h = mem_zalloc(sizeof *h);
    struct bus_listener_spec in = { .url = url_in, .on_message = on_message, .on_turn = on_turn, .ctx = h };
    int r;

    *ret_failed_url = url_out;
    if (!h)
        return -ENOMEM;
    r = bus_listener_open(l, &(struct bus_listener_spec){ .url = url_out, .block_bytes = OUT_BYTES },
                          &h->out);
    if (r == 0 && *url_feed) {
        *ret_failed_url = url_feed;
        r = bus_listener_open(l, &(struct bus_listener_spec){ .url = url_feed, .block_bytes = FEED_BYTES },
                              &h->feed);
    }
    if (r == 0) {
        *ret_failed_url = url_in;
        r = bus_listener_open(l, &in, &h->in);
    }
    if (r != 0) {
        bus_hub_close(h);
        return r;
    }
    *ret = h;
    return 0;
}

static int64_t refused(const struct bus_hub *h, enum bus_refusal why)
{
    return bus_listener_refused(h->in, why) + bus_listener_refused(h->out, why) +
           (h->feed ? bus_listener_refused(h->feed, why) : 0);
}

void bus_hub_counts(const struct bus_hub *h, struct bus_hub_counts *ret)
{
    *ret = (struct bus_hub_counts){ .publishers = bus_listener_peers(h->in),
                                    .subscribers = bus_listener_peers(h->out) +
                                                   (h->feed ? bus_listener_peers(h->feed) : 0),
                                    .waiting_bytes = (int64_t)(held(h->out) + held(h->feed)),
                                    .slow = refused(h, BUS_REFUSED_SLOW),
                                    .malformed = refused(h, BUS_REFUSED_MALFORMED),
                                    .too_many = refused(h, BUS_REFUSED_TOO_MANY) };
}

void bus_hub_close(struct bus_hub *h)
{
    if (!h)
        return;
    bus_listener_close(h->in);
    bus_listener_close(h->out);
    bus_listener_close(h->feed);
    mem_free(h);
}
