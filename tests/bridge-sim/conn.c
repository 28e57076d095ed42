/*
 * One webhook, when all goes well:
 *   conn_send      dials if the connection is not there; writes head and body
 *   on_read        the status line and a Content-Length body
 *   answered       tells the target, and is free for the next
 * When it does not: a connection that breaks settles the webhook as not answered; the target tries
 * again.
 *
 * No library between: this is the load source, and libcurl would be the bottleneck.
 */
#include "tests/bridge-sim/conn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/io/loop_uv.h"

#define PARTS 6

static const char user_agent[] = "\r\nUser-Agent: axios/1.21.1\r\nContent-Length: ";

/* The one used last is the one used next: a slow bridge needs few connections. */
static void become_idle(struct conn *c)
{
    list_append(c->target->idle.next, &c->in_idle);
}

void conn_init(struct conn *c, struct target *t)
{
    c->target = t;
    c->body_left = -1;
    list_append(&t->idle, &c->in_idle);
}

static void on_closed(uv_handle_t *h)
{
    struct conn *c = h->data;

    c->open = c->writing = false;
    c->target->n_open--;
    become_idle(c);
    target_pump(c->target);
}

void conn_break(struct conn *c)
{
    list_remove(&c->in_idle);
    if (c->hook)
        target_settle(c->target, TAKE(c->hook), 0);
    c->connected = false;
    if (!c->open)
        become_idle(c);
    else if (!uv_is_closing((uv_handle_t *)&c->tcp))
        uv_close((uv_handle_t *)&c->tcp, on_closed);
}

/* ---- reading --------------------------------------------------------------------------------- */

static void answered(struct conn *c)
{
    target_settle(c->target, TAKE(c->hook), c->status);
    c->body_left = -1;
    if (c->last || c->writing || c->in_len > 0) {
        conn_break(c);
        return;
    }
    become_idle(c);
    target_pump(c->target);
}

static void use_up(struct conn *c, size_t n)
{
    memmove(c->in, c->in + n, c->in_len - n);
    c->in_len -= n;
}

static void read_head(struct conn *c, char *end)
{
    const char *length;

    end[2] = '\0'; /* the head alone is looked through */
    c->status = c->in_len > 12 ? (int)strtol(c->in + 9, NULL, 10) : 0;
    length = strcasestr(c->in, "\r\ncontent-length:");
    c->body_left = length ? strtoll(length + 17, NULL, 10) : 0;
    c->last = (!length && c->status != 204) || strncmp(c->in, "HTTP/1.1", 8) != 0 ||
              strcasestr(c->in, "\r\nconnection: close");
    use_up(c, (size_t)(end - c->in) + 4);
}

/* Reads the bytes that have come; true when some of them were used up. */
static bool read_some(struct conn *c)
{
    char *end;
    size_t n;

    if (!c->hook)
        return false;
    if (c->body_left < 0) {
        c->in[c->in_len] = '\0';
        end = strstr(c->in, "\r\n\r\n");
        if (!end)
            return false;
        read_head(c, end);
    }
    n = (int64_t)c->in_len < c->body_left ? c->in_len : (size_t)c->body_left;
    use_up(c, n);
    c->body_left -= (int64_t)n;
    if (c->body_left > 0)
        return n > 0;
    answered(c);
    return false;
}

static void on_alloc(uv_handle_t *h, size_t hint, uv_buf_t *ret)
{
    struct conn *c = h->data;

    *ret = uv_buf_init(c->in + c->in_len, (unsigned)(sizeof c->in - 1 - c->in_len));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *b)
{
    struct conn *c = stream->data;

    if (n < 0) {
        conn_break(c);
        return;
    }
    c->in_len += (size_t)n;
    while (c->connected && read_some(c))
        continue;
    if (c->connected && c->in_len == sizeof c->in - 1)
        conn_break(c); /* a head that long is no answer */
}

/* ---- writing --------------------------------------------------------------------------------- */

static void on_written(uv_write_t *w, int status)
{
    struct conn *c = container_of(w, struct conn, write);

    c->writing = false;
    if (status != 0)
        conn_break(c);
}

/* The parts of the request that did not fit into the socket, once there is room. */
static void write_rest(struct conn *c, uv_buf_t *parts, size_t written)
{
    unsigned i = 0;

    while (i < PARTS && written >= parts[i].len)
        written -= parts[i++].len;
    if (i == PARTS)
        return;
    parts[i].base += written;
    parts[i].len -= written;
    c->writing = true;
    if (uv_write(&c->write, (uv_stream_t *)&c->tcp, parts + i, PARTS - i, on_written) != 0)
        conn_break(c);
}

static void send_request(struct conn *c)
{
    const struct target *t = c->target;
    struct hook *h = c->hook;
    int length = snprintf(c->length, sizeof c->length, "%zu", h->n);
    uv_buf_t parts[PARTS] = {
        h->head ? uv_buf_init(t->head, (unsigned)t->line_n) : uv_buf_init(t->head, (unsigned)strlen(t->head)),
        h->head ? uv_buf_init(h->head, (unsigned)h->head_n)
                : uv_buf_init((char *)h->event, (unsigned)h->event_n),
        uv_buf_init((char *)user_agent, h->head ? 0 : sizeof user_agent - 1),
        uv_buf_init(c->length, (unsigned)length),
        uv_buf_init(t->tail, (unsigned)strlen(t->tail)),
        uv_buf_init(h->body, (unsigned)h->n),
    };
    int n = uv_try_write((uv_stream_t *)&c->tcp, parts, PARTS);

    c->since_ms = sim_now(t->sim);
    c->body_left = -1;
    if (n < 0 && n != UV_EAGAIN)
        conn_break(c);
    else
        write_rest(c, parts, n > 0 ? (size_t)n : 0);
}

/* ---- dialing --------------------------------------------------------------------------------- */

static void on_connected(uv_connect_t *req, int status)
{
    struct conn *c = container_of(req, struct conn, connect);

    if (status != 0) {
        target_unreachable(c->target);
        conn_break(c);
        return;
    }
    c->connected = true;
    c->in_len = 0;
    (void)uv_tcp_nodelay(&c->tcp, 1);
    (void)uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
    send_request(c);
}

static void dial(struct conn *c)
{
    struct target *t = c->target;

    c->open = true;
    t->n_open++;
    (void)uv_tcp_init(loop_uv(app_loop(t->sim->app)), &c->tcp);
    c->tcp.data = c;
    c->since_ms = sim_now(t->sim);
    if (uv_tcp_connect(&c->connect, &c->tcp, (const struct sockaddr *)&t->addr, on_connected) != 0)
        conn_break(c);
}

void conn_send(struct conn *c, struct hook *h)
{
    list_remove(&c->in_idle);
    c->hook = h;
    if (c->connected)
        send_request(c);
    else
        dial(c);
}
