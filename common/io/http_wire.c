/*
 * libuv's stream. All connections of the process read into one buffer: the loop has one thread, and bytes
 * are taken before the next connection reads.
 */
#include "common/io/http_wire.h"

#include <errno.h>
#include <string.h>

#include "common/base/mem.h"

/* A read takes so much: a whole usual webhook, and a large one in a few. */
#define READ_BYTES (64 * 1024)

/* The kernel's buffer for answers that the peer does not read. Left to itself it grows to 4 MiB, which a peer with thousands
 * of connections could make it do on each. */
#define SEND_BUFFER_BYTES (64 * 1024)

struct wire {
    uv_tcp_t tcp; /* first: the address is that of the allocation */
    uv_write_t write;
    uv_shutdown_t shutdown;
    struct wire_events events;
    void *ctx;
    char *out; /* the rest is being sent */
    bool closing;
};

static char read_buffer[READ_BYTES];

static void on_alloc(uv_handle_t *h, size_t hint, uv_buf_t *ret)
{
    *ret = uv_buf_init(read_buffer, sizeof read_buffer);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *bytes)
{
    struct wire *w = container_of(stream, struct wire, tcp);

    if (w->closing || n == 0)
        return;
    if (n > 0) {
        w->events.on_bytes(w->ctx, (struct str){ bytes->base, (size_t)n });
        return;
    }
    (void)uv_read_stop(stream);
    w->events.on_end(w->ctx, n != UV_EOF);
}

static void on_written(uv_write_t *write, int status)
{
    struct wire *w = container_of(write, struct wire, write);

    mem_freep(&w->out);
    if (!w->closing)
        w->events.on_sent(w->ctx, status != 0);
}

static void on_closed(uv_handle_t *h)
{
    struct wire *w = container_of(h, struct wire, tcp);

    mem_free(w->out);
    mem_free(w);
}

int wire_accept(uv_stream_t *listener, const struct wire_events *e, void *ctx, struct wire **ret)
{
    struct wire *w = mem_zalloc(sizeof *w);
    int r;

    if (!w)
        return -ENOMEM;
    w->events = *e;
    w->ctx = ctx;
    r = uv_tcp_init(listener->loop, &w->tcp);
    if (r != 0) {
        mem_free(w);
        return r;
    }
    r = uv_accept(listener, (uv_stream_t *)&w->tcp);
    if (r != 0) {
        wire_close(w);
        return r;
    }
    (void)uv_send_buffer_size((uv_handle_t *)&w->tcp,
                              &(int){ SEND_BUFFER_BYTES }); /* a Unix socket may refuse */
    *ret = w;
    return 0;
}

void wire_address(const struct wire *w, struct sockaddr_storage *ret)
{
    int n = sizeof *ret;

    memset(ret, 0, sizeof *ret);
    if (uv_tcp_getpeername(&w->tcp, (struct sockaddr *)ret, &n) != 0)
        ret->ss_family = AF_UNSPEC;
}

void wire_read(struct wire *w)
{
    (void)uv_read_start((uv_stream_t *)&w->tcp, on_alloc, on_read);
}

void wire_pause(struct wire *w)
{
    (void)uv_read_stop((uv_stream_t *)&w->tcp);
}

int wire_send(struct wire *w, char *bytes, size_t n)
{
    uv_buf_t all = uv_buf_init(bytes, (unsigned)n);
    int sent = uv_try_write((uv_stream_t *)&w->tcp, &all, 1);
    uv_buf_t rest;
    int r;

    if (sent == (int)n || (sent < 0 && sent != UV_EAGAIN)) {
        mem_free(bytes);
        return sent < 0 ? sent : WIRE_SENT;
    }
    sent = sent > 0 ? sent : 0;
    w->out = bytes;
    rest = uv_buf_init(bytes + sent, (unsigned)(n - (size_t)sent));
    r = uv_write(&w->write, (uv_stream_t *)&w->tcp, &rest, 1, on_written);
    if (r == 0)
        return WIRE_LATER;
    mem_freep(&w->out);
    return r;
}

void wire_end(struct wire *w)
{
    (void)uv_shutdown(&w->shutdown, (uv_stream_t *)&w->tcp, NULL);
}

void wire_close(struct wire *w)
{
    if (!w || w->closing)
        return;
    w->closing = true;
    uv_close((uv_handle_t *)&w->tcp, on_closed);
}
