/*
 * nng 1.5: PUB and SUB sockets that dial the hub, and the hub's raw pair with nng_device between them. nng
 * has threads of its own; what they say about links reaches us through a wakeup, messages through the receive
 * descriptor of the socket.
 */
#include "common/io/bus.h"

#include <errno.h>
#include <nng/nng.h>
#include <nng/protocol/pubsub0/pub.h>
#include <nng/protocol/pubsub0/sub.h>
#include <nng/supplemental/util/platform.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "common/base/mem.h"
#include "proto/message.h"

/* A hub that comes back is found within this, whatever the time it was away. nng's own default is a fixed
 * second. */
#define REDIAL_MIN_MS 100
#define REDIAL_MAX_MS 5000
/* Messages taken in a row before other things of the loop get their turn. */
#define RECEIVE_BATCH 256
/* bus_pub_close() waits this long for what is queued. */
#define FLUSH_MS 100
/* A socket closes within milliseconds, or never. */
#define CLOSE_MAX_S 1

static int from_nng(int rv)
{
    switch (rv) {
    case 0:
        return 0;
    case NNG_ENOMEM:
        return -ENOMEM;
    case NNG_EADDRINUSE:
        return -EADDRINUSE;
    case NNG_EPERM:
        return -EACCES;
    case NNG_EAGAIN:
    case NNG_ETIMEDOUT:
        return -EAGAIN;
    case NNG_EADDRINVAL:
    case NNG_EINVAL:
    case NNG_ENOTSUP:
        return -EINVAL;
    default:
        return rv & NNG_ESYSERR ? -(rv & ~NNG_ESYSERR) : -EIO;
    }
}

/* Options of a socket that dials. Those a kind of socket does not have are refused by nng, which is fine. */
static void set_options(nng_socket s)
{
    (void)nng_socket_set_int(s, NNG_OPT_SENDBUF, BUS_QUEUE_MESSAGES);
    (void)nng_socket_set_int(s, NNG_OPT_RECVBUF, BUS_QUEUE_MESSAGES);
    (void)nng_socket_set_size(s, NNG_OPT_RECVMAXSZ, MESSAGE_BYTES_MAX);
    (void)nng_socket_set_ms(s, NNG_OPT_RECONNMINT, REDIAL_MIN_MS);
    (void)nng_socket_set_ms(s, NNG_OPT_RECONNMAXT, REDIAL_MAX_MS);
}

static void on_pipe(nng_pipe pipe, nng_pipe_ev ev, void *arg)
{
    atomic_int *pipes = arg;

    atomic_fetch_add(pipes, ev == NNG_PIPE_EV_ADD_POST ? 1 : -1);
}

static void count_pipes(nng_socket s, atomic_int *pipes)
{
    (void)nng_pipe_notify(s, NNG_PIPE_EV_ADD_POST, on_pipe, pipes);
    (void)nng_pipe_notify(s, NNG_PIPE_EV_REM_POST, on_pipe, pipes);
}

/* ---- closing ---------------------------------------------------------------------------------------------
 */

struct closing {
    nng_socket socket;
    pthread_mutex_t lock;
    pthread_cond_t done;
    bool closed, given_up;
};

static void free_closing(struct closing *c)
{
    (void)pthread_cond_destroy(&c->done);
    (void)pthread_mutex_destroy(&c->lock);
    mem_free(c);
}

static void *run_closing(void *arg)
{
    struct closing *c = arg;
    bool given_up;

    (void)nng_close(c->socket);
    (void)pthread_mutex_lock(&c->lock);
    c->closed = true;
    given_up = c->given_up;
    (void)pthread_cond_signal(&c->done);
    (void)pthread_mutex_unlock(&c->lock);
    if (given_up)
        free_closing(c);
    return NULL;
}

static void wait_for_closing(struct closing *c, pthread_t thread)
{
    struct timespec until;
    bool closed;
    int r = 0;

    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += CLOSE_MAX_S;
    (void)pthread_mutex_lock(&c->lock);
    while (!c->closed && r == 0)
        r = pthread_cond_timedwait(&c->done, &c->lock, &until);
    closed = c->closed;
    c->given_up = !closed;
    (void)pthread_mutex_unlock(&c->lock);
    if (!closed) {
        (void)pthread_detach(thread);
        return;
    }
    (void)pthread_join(thread, NULL);
    free_closing(c);
}

/*
 * nng_close() of this version never returns now and then, once in some hundred times when the socket has just
 * dialled (nanomsg/nng, issues 1543 and 1813: the thread that takes pipes apart waits for a task that was
 * prepared and not started). A program that ends must not wait for it.
 */
static void close_socket(nng_socket s)
{
    struct closing *c = mem_zalloc(sizeof *c);
    pthread_t thread;

    (void)nng_pipe_notify(s, NNG_PIPE_EV_ADD_POST, NULL, NULL);
    (void)nng_pipe_notify(s, NNG_PIPE_EV_REM_POST, NULL, NULL);
    if (!c) {
        (void)nng_close(s);
        return;
    }
    c->socket = s;
    (void)pthread_mutex_init(&c->lock, NULL);
    (void)pthread_cond_init(&c->done, NULL);
    if (pthread_create(&thread, NULL, run_closing, c) == 0) {
        wait_for_closing(c, thread);
        return;
    }
    (void)nng_close(s);
    free_closing(c);
}

/* ---- publishing ------------------------------------------------------------------------------------------
 */

struct bus_pub {
    nng_socket socket;
    nng_aio *send; /* of all messages: nng_send() makes one for each, with a random number of the kernel's */
    atomic_int pipes;
};

/* An operation that is done at once or not at all, used again and again. */
static int open_aio(nng_aio **ret)
{
    int rv = nng_aio_alloc(ret, NULL, NULL);

    if (rv == 0)
        nng_aio_set_timeout(*ret, NNG_DURATION_ZERO);
    return rv;
}

int bus_pub_open(const char *url, struct bus_pub **ret)
{
    struct bus_pub *p = mem_zalloc(sizeof *p);
    int rv = p ? nng_pub0_open(&p->socket) : NNG_ENOMEM;

    if (rv != 0) {
        mem_free(p);
        return from_nng(rv);
    }
    set_options(p->socket);
    count_pipes(p->socket, &p->pipes);
    rv = open_aio(&p->send);
    if (rv == 0)
        rv = nng_dial(p->socket, url, NULL, NNG_FLAG_NONBLOCK);
    if (rv != 0) {
        bus_pub_close(p);
        return from_nng(rv);
    }
    *ret = p;
    return 0;
}

void bus_pub_close(struct bus_pub *p)
{
    if (!p)
        return;
    if (bus_pub_connected(p))
        nng_msleep(FLUSH_MS);
    close_socket(p->socket);
    nng_aio_free(p->send);
    mem_free(p);
}

bool bus_pub_connected(const struct bus_pub *p)
{
    return atomic_load(&p->pipes) > 0;
}

int bus_pub_send(struct bus_pub *p, struct str message)
{
    nng_msg *msg;
    int rv;

    if (!bus_pub_connected(p))
        return -EAGAIN;
    rv = nng_msg_alloc(&msg, message.n);
    if (rv != 0)
        return from_nng(rv);
    memcpy(nng_msg_body(msg), message.p, message.n);
    nng_aio_set_msg(p->send, msg);
    nng_send_aio(p->socket, p->send);
    nng_aio_wait(p->send);
    rv = nng_aio_result(p->send);
    if (rv != 0)
        nng_msg_free(msg);
    return from_nng(rv);
}

/* ---- subscribing -----------------------------------------------------------------------------------------
 */

struct bus_sub {
    nng_socket socket;
    nng_aio *receive; /* as bus_pub's */
    struct poll_fd *readable;
    struct wakeup *linked;
    struct timer *again; /* the rest of a batch, after the loop has turned */
    atomic_int pipes;
    bool up;                  /* what on_link was told last */
    bool in_callback, closed; /* closed from its own callback: the memory goes when that returns */
    void (*on_message)(void *ctx, struct str message);
    void (*on_link)(void *ctx, bool up);
    void *ctx;
};

static void on_sub_pipe(nng_pipe pipe, nng_pipe_ev ev, void *arg)
{
    struct bus_sub *s = arg;

    on_pipe(pipe, ev, &s->pipes);
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

static nng_msg *receive(struct bus_sub *s)
{
    nng_recv_aio(s->socket, s->receive);
    nng_aio_wait(s->receive);
    return nng_aio_result(s->receive) == 0 ? nng_aio_get_msg(s->receive) : NULL;
}

static void on_readable(void *ctx)
{
    struct bus_sub *s = ctx;

    for (int i = 0; i < RECEIVE_BATCH; i++) {
        nng_msg *msg = receive(s);

        if (!msg)
            return;
        s->in_callback = true;
        s->on_message(s->ctx, (struct str){ nng_msg_body(msg), nng_msg_len(msg) });
        s->in_callback = false;
        nng_msg_free(msg);
        if (s->closed) {
            mem_free(s);
            return;
        }
    }
    timer_start(s->again, 0);
}

static int subscribe(struct bus_sub *s, const char *url, const char *const *prefixes, int n_prefixes)
{
    int rv = 0;

    for (int i = 0; i < n_prefixes && rv == 0; i++)
        rv = nng_socket_set(s->socket, NNG_OPT_SUB_SUBSCRIBE, prefixes[i], strlen(prefixes[i]));
    (void)nng_pipe_notify(s->socket, NNG_PIPE_EV_ADD_POST, on_sub_pipe, s);
    (void)nng_pipe_notify(s->socket, NNG_PIPE_EV_REM_POST, on_sub_pipe, s);
    return rv != 0 ? rv : nng_dial(s->socket, url, NULL, NNG_FLAG_NONBLOCK);
}

static int open_handles(struct bus_sub *s, struct loop *l)
{
    int fd = -1;
    int r = from_nng(nng_socket_get_int(s->socket, NNG_OPT_RECVFD, &fd));

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
    int r = s ? from_nng(nng_sub0_open(&s->socket)) : -ENOMEM;

    if (r != 0) {
        mem_free(s);
        return r;
    }
    s->on_message = on_message;
    s->on_link = on_link;
    s->ctx = ctx;
    set_options(s->socket);
    r = from_nng(open_aio(&s->receive));
    if (r == 0)
        r = open_handles(s, l);
    if (r == 0)
        r = from_nng(subscribe(s, url, prefixes, n_prefixes));
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
    close_socket(s->socket); /* no pipe callback runs after this */
    nng_aio_free(s->receive);
    wakeup_close(s->linked);
    s->closed = true;
    if (!s->in_callback)
        mem_free(s);
}

bool bus_sub_connected(const struct bus_sub *s)
{
    return atomic_load(&s->pipes) > 0;
}

/* ---- the hub ---------------------------------------------------------------------------------------------
 */

struct bus_hub {
    nng_socket in, out; /* raw SUB listens for publishers, raw PUB for subscribers */
    atomic_int publishers, subscribers;
    struct thread *device;
};

static void run_device(void *ctx)
{
    struct bus_hub *h = ctx;

    (void)nng_device(h->in, h->out); /* until a socket is closed */
}

static int listen_both(struct bus_hub *h, const char *url_in, const char *url_out,
                       const char **ret_failed_url)
{
    int rv;

    set_options(h->in);
    set_options(h->out);
    count_pipes(h->in, &h->publishers);
    count_pipes(h->out, &h->subscribers);
    *ret_failed_url = url_in;
    rv = nng_listen(h->in, url_in, NULL, 0);
    if (rv != 0)
        return rv;
    *ret_failed_url = url_out;
    return nng_listen(h->out, url_out, NULL, 0);
}

int bus_hub_open(const char *url_in, const char *url_out, struct bus_hub **ret, const char **ret_failed_url)
{
    struct bus_hub *h = mem_zalloc(sizeof *h);
    int r;

    *ret_failed_url = url_in;
    if (!h)
        return -ENOMEM;
    r = from_nng(nng_sub0_open_raw(&h->in));
    if (r == 0)
        r = from_nng(nng_pub0_open_raw(&h->out));
    if (r == 0)
        r = from_nng(listen_both(h, url_in, url_out, ret_failed_url));
    if (r == 0)
        r = thread_start(run_device, h, &h->device);
    if (r != 0) {
        bus_hub_close(h);
        return r;
    }
    *ret = h;
    return 0;
}

void bus_hub_peers(const struct bus_hub *h, int *ret_publishers, int *ret_subscribers)
{
    *ret_publishers = atomic_load(&h->publishers);
    *ret_subscribers = atomic_load(&h->subscribers);
}

void bus_hub_close(struct bus_hub *h)
{
    if (!h)
        return;
    (void)nng_close(h->in);
    (void)nng_close(h->out);
    thread_join(h->device);
    mem_free(h);
}
