/*
 * A peer, when all goes well:
 *   on_accepted   nng has a connection; the eight bytes of SP's greeting go both ways
 *   on_received   the greeting: a subscriber joins the outbox. Later: bytes of a publisher's messages
 *   on_sent       the next blocks of the outbox go out, if there are any
 * When it does not: the stream is closed, both operations come back with an error, and the peer is freed.
 */
#include "common/io/bus_listener.h"

#include <errno.h>
#include <nng/nng.h>
#include <pthread.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/io/bus_nng.h"
#include "proto/message.h"

#define GREETING_BYTES 8
/* A peer that says nothing for so long after it has dialled is none. */
#define GREETING_MS 4000
/* Without descriptors: the next try to accept. */
#define ACCEPT_AGAIN_MS 100
/* The first buffer of a publisher; it grows with a large message and is given back after it. */
#define INBOX_BYTES (64 * 1024)
/* The user and the group of the services may dial a Unix socket. */
#define SOCKET_MODE 0660

/* An operation of nng: started in the loop's thread, completed in a thread of nng's, handled in the loop's. */
struct op {
    nng_aio *aio;
    struct bus_listener *listener;
    struct list in_done;
    void (*handle)(struct op *op, int rv);
    bool busy; /* started, and not handled yet */
};

struct peer {
    struct list in_listener;
    struct bus_listener *listener;
    nng_stream *stream;
    struct op receive, send;
    struct bus_reader reader;
    char *inbox;
    size_t n, cap; /* bytes in it, and its size */
    bool greeted, closing;
    uint8_t greeting[GREETING_BYTES];
};

struct bus_listener {
    struct bus_listener_spec spec;
    nng_stream_listener *nng;
    struct op accept;
    struct timer *accept_again;
    struct list peers;
    int n_peers, n_greeted;
    struct bus_outbox outbox;
    size_t inbox_bytes;
    int64_t refused[BUS_REFUSALS];
    bool unix_frames;
    pthread_mutex_t lock; /* of done */
    struct list done;
    struct wakeup *wake;
};

/* ---- operations ------------------------------------------------------------------------------ */

/* In a thread of nng's. */
static void on_completed(void *ctx)
{
    struct op *op = ctx;
    struct bus_listener *l = op->listener;

    (void)pthread_mutex_lock(&l->lock);
    list_append(&l->done, &op->in_done);
    (void)pthread_mutex_unlock(&l->lock);
    wakeup_send(l->wake);
}

static int op_open(struct op *op, struct bus_listener *l, void (*handle)(struct op *op, int rv))
{
    op->listener = l;
    op->handle = handle;
    list_init(&op->in_done);
    return bus_error(nng_aio_alloc(&op->aio, on_completed, op));
}

static void op_close(struct op *op)
{
    if (!op->aio)
        return;
    nng_aio_stop(op->aio); /* its callback has returned after this */
    (void)pthread_mutex_lock(&op->listener->lock);
    list_remove(&op->in_done);
    (void)pthread_mutex_unlock(&op->listener->lock);
    nng_aio_free(op->aio);
    op->aio = NULL;
}

/* ---- a peer ---------------------------------------------------------------------------------- */

static void free_peer(struct peer *p)
{
    struct bus_listener *l = p->listener;

    list_remove(&p->in_listener);
    l->n_peers--;
    l->inbox_bytes -= p->cap;
    op_close(&p->receive);
    op_close(&p->send);
    if (p->greeted && !l->spec.on_message) /* not before: nng may still have read from its blocks */
        bus_outbox_leave(&l->outbox, &p->reader);
    nng_stream_free(p->stream);
    mem_free(p->inbox);
    mem_free(p);
}

/* Its memory goes when its operations have come back. */
static void close_peer(struct peer *p)
{
    if (!p->closing) {
        p->closing = true;
        nng_stream_close(p->stream);
        if (p->greeted)
            p->listener->n_greeted--;
    }
    if (!p->receive.busy && !p->send.busy)
        free_peer(p);
}

static void refuse_peer(struct peer *p, enum bus_refusal why)
{
    if (!p->closing)
        p->listener->refused[why]++;
    close_peer(p);
}

/* ---- receiving ------------------------------------------------------------------------------- */

static void receive(struct peer *p, void *at, size_t n, nng_duration timeout_ms)
{
    nng_iov iov = { .iov_buf = at, .iov_len = n };

    nng_aio_set_timeout(p->receive.aio, timeout_ms);
    (void)nng_aio_set_iov(p->receive.aio, 1, &iov);
    p->receive.busy = true;
    nng_stream_recv(p->stream, p->receive.aio);
}

static size_t header_bytes(const struct bus_listener *l)
{
    return l->unix_frames ? 9 : 8;
}

/* The length of the frame that begins here, header included; 0: its header is not whole, or it is none. */
static bool frame_length(const struct bus_listener *l, const uint8_t *at, size_t n, size_t *ret)
{
    size_t header = header_bytes(l);
    uint64_t length = 0;

    *ret = 0;
    if (n < header)
        return true;
    if (l->unix_frames && at[0] != 1)
        return false;
    for (size_t i = header - 8; i < header; i++)
        length = length << 8 | at[i];
    if (length > MESSAGE_BYTES_MAX)
        return false;
    *ret = header + (size_t)length;
    return true;
}

/* Passes on all whole messages. Returns false when the peer breaks the protocol. */
static bool take_messages(struct peer *p, size_t *ret_wanted)
{
    const struct bus_listener *l = p->listener;
    size_t at = 0, length = 0;

    for (;;) {
        const char *frame = p->inbox + at;

        if (!frame_length(l, (const uint8_t *)frame, p->n - at, &length))
            return false;
        if (length == 0 || length > p->n - at)
            break;
        if (!l->spec.on_message(l->spec.ctx,
                                (struct str){ frame + header_bytes(l), length - header_bytes(l) }))
            return false;
        at += length;
    }
    memmove(p->inbox, p->inbox + at, p->n - at);
    p->n -= at;
    *ret_wanted = length;
    return true;
}

static bool resize_inbox(struct peer *p, size_t cap)
{
    struct bus_listener *l = p->listener;
    char *inbox;

    if (cap == p->cap)
        return true;
    if (cap > p->cap && l->inbox_bytes + (cap - p->cap) > BUS_INBOX_BYTES_MAX)
        return false;
    inbox = mem_realloc(p->inbox, cap);
    if (!inbox)
        return cap < p->cap;
    l->inbox_bytes += cap - p->cap;
    p->inbox = inbox;
    p->cap = cap;
    return true;
}

/* Makes room for the next bytes: a large message gets it as it arrives, not when it is announced. */
static bool make_room(struct peer *p, size_t wanted)
{
    size_t cap = p->cap ? p->cap : INBOX_BYTES;

    if (p->n == 0)
        cap = INBOX_BYTES;
    else if (p->n == p->cap)
        cap = wanted < 2 * p->cap ? wanted : 2 * p->cap;
    return resize_inbox(p, cap < INBOX_BYTES ? INBOX_BYTES : cap);
}

static void receive_messages(struct peer *p)
{
    size_t wanted = 0;

    if (p->n > 0 && !take_messages(p, &wanted))
        refuse_peer(p, BUS_REFUSED_MALFORMED);
    else if (!make_room(p, wanted))
        refuse_peer(p, BUS_REFUSED_TOO_MANY);
    else
        receive(p, p->inbox + p->n, p->cap - p->n, NNG_DURATION_INFINITE);
}

static bool is_greeting(const struct bus_listener *l, const uint8_t *g)
{
    const uint8_t wanted[GREETING_BYTES] = {
        0, 'S', 'P', 0, 0, l->spec.on_message ? BUS_SP_PUB : BUS_SP_SUB
    };

    return memcmp(g, wanted, sizeof wanted) == 0;
}

static void start_peer(struct peer *p)
{
    struct bus_listener *l = p->listener;

    p->greeted = true;
    p->n = 0;
    l->n_greeted++;
    if (l->spec.on_message) {
        receive_messages(p);
        return;
    }
    bus_outbox_join(&l->outbox, &p->reader);
    receive(p, p->greeting, 1, NNG_DURATION_INFINITE); /* a subscriber says nothing: this waits for its end */
}

static void on_received(struct op *op, int rv)
{
    struct peer *p = container_of(op, struct peer, receive);

    if (rv != 0 || p->closing) {
        close_peer(p);
        return;
    }
    if (p->greeted && !p->listener->spec.on_message) {
        refuse_peer(p, BUS_REFUSED_MALFORMED);
        return;
    }
    p->n += nng_aio_count(op->aio);
    if (p->greeted)
        receive_messages(p);
    else if (p->n < GREETING_BYTES)
        receive(p, p->greeting + p->n, GREETING_BYTES - p->n, GREETING_MS);
    else if (is_greeting(p->listener, p->greeting))
        start_peer(p);
    else
        refuse_peer(p, BUS_REFUSED_MALFORMED);
}

/* ---- sending --------------------------------------------------------------------------------- */

static void send(struct peer *p, void *bytes, size_t n)
{
    nng_iov iov = { .iov_buf = bytes, .iov_len = n };

    (void)nng_aio_set_iov(p->send.aio, 1, &iov);
    p->send.busy = true;
    nng_stream_send(p->stream, p->send.aio);
}

static void send_next(struct peer *p)
{
    struct str next = p->send.busy || p->closing || !p->greeted ? STR_NULL : bus_outbox_peek(&p->reader);

    if (next.p)
        send(p, (void *)next.p, next.n);
}

static void on_sent(struct op *op, int rv)
{
    struct peer *p = container_of(op, struct peer, send);

    if (rv != 0 || p->closing) {
        close_peer(p);
        return;
    }
    if (p->greeted && !p->listener->spec.on_message)
        bus_outbox_sent(&p->listener->outbox, &p->reader, nng_aio_count(op->aio));
    send_next(p);
}

/* The greeting goes out before anything else: eight bytes fit into any socket. */
static void on_greeted(struct op *op, int rv)
{
    struct peer *p = container_of(op, struct peer, send);

    if (rv == 0 && nng_aio_count(op->aio) != GREETING_BYTES)
        rv = NNG_EPROTO;
    op->handle = on_sent;
    if (rv != 0 || p->closing)
        close_peer(p);
    else
        send_next(p);
}

static void greet(struct peer *p)
{
    static uint8_t as_publisher[GREETING_BYTES] = { 0, 'S', 'P', 0, 0, BUS_SP_PUB };
    static uint8_t as_subscriber[GREETING_BYTES] = { 0, 'S', 'P', 0, 0, BUS_SP_SUB };

    send(p, p->listener->spec.on_message ? as_subscriber : as_publisher, GREETING_BYTES);
    receive(p, p->greeting, GREETING_BYTES, GREETING_MS);
}

struct bus_outbox *bus_listener_outbox(struct bus_listener *l)
{
    return &l->outbox;
}

void bus_listener_send(struct bus_listener *l)
{
    bus_outbox_close_block(&l->outbox);
    LIST_FOR(it, &l->peers)
    {
        send_next(container_of(it, struct peer, in_listener));
    }
}

void bus_listener_cut_slowest(struct bus_listener *l)
{
    struct bus_reader *r = bus_outbox_slowest(&l->outbox);

    if (r)
        refuse_peer(container_of(r, struct peer, reader), BUS_REFUSED_SLOW);
}

/* ---- accepting ------------------------------------------------------------------------------- */

static void accept_next(void *ctx)
{
    struct bus_listener *l = ctx;

    l->accept.busy = true;
    nng_stream_listener_accept(l->nng, l->accept.aio);
}

static int add_peer(struct bus_listener *l, nng_stream *stream)
{
    struct peer *p = mem_zalloc(sizeof *p);
    int r;

    if (!p) {
        nng_stream_free(stream);
        return -ENOMEM;
    }
    p->listener = l;
    p->stream = stream;
    list_init(&p->in_listener);
    list_append(&l->peers, &p->in_listener);
    l->n_peers++;
    r = op_open(&p->receive, l, on_received);
    if (r == 0)
        r = op_open(&p->send, l, on_greeted);
    if (r != 0)
        free_peer(p);
    else if (l->n_peers > BUS_PEERS_MAX)
        refuse_peer(p, BUS_REFUSED_TOO_MANY);
    else
        greet(p);
    return r;
}

static void on_accepted(struct op *op, int rv)
{
    struct bus_listener *l = op->listener;

    if (rv == 0)
        (void)add_peer(l, nng_aio_get_output(op->aio, 0));
    if (rv == NNG_ECLOSED)
        return;
    if (rv == 0 || rv == NNG_ECONNABORTED || rv == NNG_ECONNRESET)
        accept_next(l);
    else
        timer_start(l->accept_again, ACCEPT_AGAIN_MS);
}

/* ---- completions ----------------------------------------------------------------------------- */

static struct op *next_done(struct bus_listener *l)
{
    struct list *it;

    (void)pthread_mutex_lock(&l->lock);
    it = list_pop(&l->done);
    (void)pthread_mutex_unlock(&l->lock);
    return it ? container_of(it, struct op, in_done) : NULL;
}

static void on_wake(void *ctx)
{
    struct bus_listener *l = ctx;
    int64_t turn = l->n_peers + 1; /* operations that can be done at the start of it, about: the rest waits */
    struct op *op;

    for (; turn > 0 && (op = next_done(l)); turn--) {
        op->busy = false;
        op->handle(op, (int)nng_aio_result(op->aio));
    }
    if (l->spec.on_turn)
        l->spec.on_turn(l->spec.ctx);
    if (turn == 0)
        wakeup_send(l->wake);
}

/* ---- open and close -------------------------------------------------------------------------- */

static int set_tls(struct bus_listener *l)
{
    nng_tls_config *config;
    int r = bus_tls_config(l->spec.url, true, &config);

    if (r != 0 || !config)
        return r;
    r = bus_error(nng_stream_listener_set_ptr(l->nng, NNG_OPT_TLS_CONFIG, config));
    nng_tls_config_free(config); /* the listener holds it */
    return r;
}

static int listen_on(struct bus_listener *l)
{
    bool is_file = strncmp(l->spec.url, "ipc:", 4) == 0;
    int r = bus_error(nng_stream_listener_alloc(&l->nng, l->spec.url));

    l->unix_frames = is_file || strncmp(l->spec.url, "abstract:", 9) == 0;
    if (r == 0 && is_file)
        r = bus_error(nng_stream_listener_set_int(l->nng, NNG_OPT_IPC_PERMISSIONS, SOCKET_MODE));
    if (r == 0)
        r = set_tls(l);
    return r == 0 ? bus_error(nng_stream_listener_listen(l->nng)) : r;
}

int bus_listener_open(struct loop *loop, const struct bus_listener_spec *spec, struct bus_listener **ret)
{
    struct bus_listener *l = mem_zalloc(sizeof *l);
    int r;

    if (!l)
        return -ENOMEM;
    l->spec = *spec;
    list_init(&l->peers);
    list_init(&l->done);
    (void)pthread_mutex_init(&l->lock, NULL);
    r = listen_on(l);
    bus_outbox_init(&l->outbox, l->unix_frames, spec->block_bytes);
    if (r == 0)
        r = op_open(&l->accept, l, on_accepted);
    if (r == 0)
        r = timer_open(loop, accept_next, l, &l->accept_again);
    if (r == 0)
        r = wakeup_open(loop, on_wake, l, &l->wake);
    if (r != 0) {
        bus_listener_close(l);
        return r;
    }
    accept_next(l);
    *ret = l;
    return 0;
}

void bus_listener_close(struct bus_listener *l)
{
    if (!l)
        return;
    if (l->nng)
        nng_stream_listener_close(l->nng);
    op_close(&l->accept);
    LIST_FOR(it, &l->peers)
    {
        struct peer *p = container_of(it, struct peer, in_listener);

        p->receive.busy = p->send.busy = false; /* free_peer() waits for them */
        close_peer(p);
    }
    if (l->nng)
        nng_stream_listener_free(l->nng);
    bus_outbox_fini(&l->outbox);
    timer_close(l->accept_again);
    wakeup_close(l->wake);
    (void)pthread_mutex_destroy(&l->lock);
    mem_free(l);
}

int bus_listener_peers(const struct bus_listener *l)
{
    return l->n_greeted;
}

int64_t bus_listener_refused(const struct bus_listener *l, enum bus_refusal why)
{
    return l->refused[why];
}
