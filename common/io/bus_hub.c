/*
 * The hub on the loop: what comes in goes out, to subscribers one by one and to feeders as it came.
 */
#include <errno.h>
#include <nng/nng.h>
#include <nng/protocol/pubsub0/pub.h>
#include <nng/protocol/pubsub0/sub.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/io/bus_nng.h"

/* Messages, or batches of some 25, before the loop turns. */
#define FORWARD_BATCH 64

/* A side of the hub. One that nobody has dialled costs nothing. */
struct side {
    nng_socket socket;
    nng_aio *aio;
    atomic_int pipes;
    bool open;
};

struct bus_hub {
    struct side in, out, feed;
    struct poll_fd *readable;
    struct timer *again;
};

/* ---- forwarding ------------------------------------------------------------------------------ */

static void send_copy(struct side *to, struct str message)
{
    nng_msg *msg;

    if (nng_msg_alloc(&msg, message.n) != 0)
        return; /* a lost notification costs latency only */
    memcpy(nng_msg_body(msg), message.p, message.n);
    (void)bus_send(to->socket, to->aio, msg);
}

static void send_each(struct side *to, struct str message)
{
    struct str rest = { message.p + 1, message.n - 1 };
    struct str one;

    if (message.p[0] != BUS_BATCH) {
        send_copy(to, message);
        return;
    }
    while (bus_batch_next(&rest, &one))
        send_copy(to, one);
}

static void forward(struct bus_hub *h, struct str message)
{
    if (message.n == 0)
        return;
    if (atomic_load(&h->feed.pipes) > 0)
        send_copy(&h->feed, message);
    if (atomic_load(&h->out.pipes) > 0)
        send_each(&h->out, message);
}

static void on_readable(void *ctx)
{
    struct bus_hub *h = ctx;

    for (int i = 0; i < FORWARD_BATCH; i++) {
        nng_msg *msg = bus_receive(h->in.socket, h->in.aio);

        if (!msg)
            return;
        forward(h, (struct str){ nng_msg_body(msg), nng_msg_len(msg) });
        nng_msg_free(msg);
    }
    timer_start(h->again, 0);
}

/* ---- open and close -------------------------------------------------------------------------- */

static int open_side(struct side *s, int (*open_socket)(nng_socket *), const char *url, int queue,
                     const char **ret_failed_url)
{
    int rv;

    *ret_failed_url = url;
    rv = open_socket(&s->socket);
    if (rv != 0)
        return bus_error(rv);
    s->open = true;
    bus_options(s->socket, queue);
    bus_count_pipes(s->socket, &s->pipes);
    rv = bus_open_aio(&s->aio);
    if (rv == 0)
        rv = nng_listen(s->socket, url, NULL, 0);
    return bus_error(rv);
}

static int watch_in(struct bus_hub *h, struct loop *l)
{
    int fd = -1;
    int r = bus_error(nng_socket_set(h->in.socket, NNG_OPT_SUB_SUBSCRIBE, "", 0));

    if (r == 0)
        r = bus_error(nng_socket_get_int(h->in.socket, NNG_OPT_RECVFD, &fd));
    if (r == 0)
        r = timer_open(l, on_readable, h, &h->again);
    if (r == 0)
        r = poll_fd_open(l, fd, on_readable, h, &h->readable);
    return r;
}

int bus_hub_open(struct loop *l, const char *url_in, const char *url_out, const char *url_feed,
                 struct bus_hub **ret, const char **ret_failed_url)
{
    struct bus_hub *h = mem_zalloc(sizeof *h);
    int r;

    *ret_failed_url = url_in;
    if (!h)
        return -ENOMEM;
    r = open_side(&h->out, nng_pub0_open, url_out, BUS_QUEUE_MESSAGES, ret_failed_url);
    if (r == 0 && *url_feed)
        r = open_side(&h->feed, nng_pub0_open, url_feed, BUS_QUEUE_BATCHES, ret_failed_url);
    if (r == 0)
        r = open_side(&h->in, nng_sub0_open, url_in, BUS_QUEUE_MESSAGES, ret_failed_url);
    if (r == 0)
        r = watch_in(h, l);
    if (r != 0) {
        bus_hub_close(h);
        return r;
    }
    *ret = h;
    return 0;
}

void bus_hub_peers(const struct bus_hub *h, int *ret_publishers, int *ret_subscribers)
{
    *ret_publishers = atomic_load(&h->in.pipes);
    *ret_subscribers = atomic_load(&h->out.pipes) + atomic_load(&h->feed.pipes);
}

static void close_side(struct side *s)
{
    if (s->open)
        bus_close_socket(s->socket);
    nng_aio_free(s->aio);
}

void bus_hub_close(struct bus_hub *h)
{
    if (!h)
        return;
    poll_fd_close(h->readable);
    timer_close(h->again);
    close_side(&h->in);
    close_side(&h->out);
    close_side(&h->feed);
    mem_free(h);
}
