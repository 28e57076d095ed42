/*
 * The subscriber's end, on the loop. nng selects single messages by their prefix; those of a batch are
 * selected here.
 */
#include <errno.h>
#include <nng/nng.h>
#include <nng/protocol/pubsub0/sub.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/io/bus_nng.h"

/* Messages taken in a row before the loop does other work. */
#define RECEIVE_BATCH 256

struct bus_sub {
    nng_socket socket;
    nng_aio *receive;
    struct poll_fd *readable;
    struct wakeup *linked;
    struct timer *again; /* the rest of a batch, after the loop has turned */
    atomic_int pipes;
    char **prefixes;
    int n_prefixes;
    bool up;                  /* the state of the last call of on_link */
    bool in_callback, closed; /* closed from its own callback: the memory goes when that returns */
    void (*on_message)(void *ctx, struct str message);
    void (*on_link)(void *ctx, bool up);
    void *ctx;
};

static void on_sub_pipe(nng_pipe pipe, nng_pipe_ev ev, void *arg)
{
    struct bus_sub *s = arg;

    bus_on_pipe(pipe, ev, &s->pipes);
    wakeup_send(s->linked);
}

static void on_linked(void *ctx)
{
    struct bus_sub *s = ctx;
    bool up = bus_sub_connected(s);

    if (up == s->up)
        return;
    s->up = up;
    if (s->on_link) /* last: it may close the subscription */
        s->on_link(s->ctx, up);
}

/* ---- receiving ------------------------------------------------------------------------------- */

/* Returns how many messages there were. */
static int take_batch(struct bus_sub *s, struct str rest)
{
    struct str message;
    int n = 0;

    while (!s->closed && bus_batch_next(&rest, &message)) {
        if (bus_topic_matches(message, (const char *const *)s->prefixes, s->n_prefixes))
            s->on_message(s->ctx, message);
        n++;
    }
    return n;
}

/* Returns how many messages there were, 0: nothing has come. */
static int take(struct bus_sub *s)
{
    nng_msg *msg = bus_receive(s->socket, s->receive);
    struct str message;
    int n = 1;

    if (!msg)
        return 0;
    message = (struct str){ nng_msg_body(msg), nng_msg_len(msg) };
    s->in_callback = true;
    if (message.n > 0 && message.p[0] == BUS_BATCH)
        n += take_batch(s, (struct str){ message.p + 1, message.n - 1 });
    else
        s->on_message(s->ctx, message);
    s->in_callback = false;
    nng_msg_free(msg);
    return n;
}

static void on_readable(void *ctx)
{
    struct bus_sub *s = ctx;

    for (int n = 0, got = 1; n < RECEIVE_BATCH; n += got) {
        got = take(s);
        if (s->closed) {
            mem_free(s);
            return;
        }
        if (got == 0)
            return;
    }
    timer_start(s->again, 0);
}

/* ---- open and close -------------------------------------------------------------------------- */

static int keep_prefixes(struct bus_sub *s, const char *const *prefixes, int n)
{
    s->prefixes = mem_zalloc((size_t)n * sizeof *s->prefixes);
    if (!s->prefixes)
        return -ENOMEM;
    for (; s->n_prefixes < n; s->n_prefixes++) {
        s->prefixes[s->n_prefixes] = mem_strdup(prefixes[s->n_prefixes]);
        if (!s->prefixes[s->n_prefixes])
            return -ENOMEM;
    }
    return 0;
}

static int subscribe(struct bus_sub *s, const char *url)
{
    static const char batch[] = { BUS_BATCH };
    int rv = nng_socket_set(s->socket, NNG_OPT_SUB_SUBSCRIBE, batch, sizeof batch);

    for (int i = 0; i < s->n_prefixes && rv == 0; i++)
        rv = nng_socket_set(s->socket, NNG_OPT_SUB_SUBSCRIBE, s->prefixes[i], strlen(s->prefixes[i]));
    (void)nng_pipe_notify(s->socket, NNG_PIPE_EV_ADD_POST, on_sub_pipe, s);
    (void)nng_pipe_notify(s->socket, NNG_PIPE_EV_REM_POST, on_sub_pipe, s);
    return rv != 0 ? bus_error(rv) : bus_dial(s->socket, url);
}

static int open_handles(struct bus_sub *s, struct loop *l)
{
    int fd = -1;
    int r = bus_error(nng_socket_get_int(s->socket, NNG_OPT_RECVFD, &fd));

    if (r == 0)
        r = poll_fd_open(l, fd, on_readable, s, &s->readable);
    if (r == 0)
        r = wakeup_open(l, on_linked, s, &s->linked);
    if (r == 0)
        r = timer_open(l, on_readable, s, &s->again);
    return r;
}

int bus_sub_open(struct loop *l, const char *url, const char *const *prefixes, int n_prefixes,
                 void (*on_message)(void *ctx, struct str message), void (*on_link)(void *ctx, bool up),
                 void *ctx, struct bus_sub **ret)
{
    struct bus_sub *s = mem_zalloc(sizeof *s);
    int r = s ? bus_error(nng_sub0_open(&s->socket)) : -ENOMEM;

    if (r != 0) {
        mem_free(s);
        return r;
    }
    s->on_message = on_message;
    s->on_link = on_link;
    s->ctx = ctx;
    bus_options(s->socket, BUS_QUEUE_MESSAGES);
    r = bus_error(bus_open_aio(&s->receive));
    if (r == 0)
        r = open_handles(s, l);
    if (r == 0)
        r = keep_prefixes(s, prefixes, n_prefixes);
    if (r == 0)
        r = subscribe(s, url);
    if (r != 0) {
        bus_sub_close(s);
        return r;
    }
    *ret = s;
    return 0;
}

void bus_sub_close(struct bus_sub *s)
{
    if (!s)
        return;
    poll_fd_close(s->readable);
    timer_close(s->again);
    bus_close_socket(s->socket); /* no pipe callback runs after this */
    nng_aio_free(s->receive);
    wakeup_close(s->linked);
    for (int i = 0; i < s->n_prefixes; i++)
        mem_free(s->prefixes[i]);
    mem_free(s->prefixes);
    s->n_prefixes = 0;
    s->closed = true;
    if (!s->in_callback)
        mem_free(s);
}

bool bus_sub_connected(const struct bus_sub *s)
{
    return atomic_load(&s->pipes) > 0;
}
