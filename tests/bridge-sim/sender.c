/*
 * Webhooks on their way out: N kept-alive connections, one request under way on each, no library between:
 * this is the load source, and libcurl would be the bottleneck. An answer is its status line and a
 * Content-Length body.
 */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <uv.h>

#include "common/base/buf.h"
#include "common/base/hmac.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/io/loop_uv.h"
#include "tests/bridge-sim/sim.h"

/* zapw's own numbers: 10 s for an answer, the next try after 1 s × the number of this one. */
#define ANSWER_TIMEOUT_MS 10000
#define RETRY_DELAY_MS    1000
/* A head of an answer, and as much of its body as is read at once. */
#define READ_BYTES 16384
/* Webhooks that wait; beyond it traffic is not made (counted as lost). */
#define QUEUE_MAX 200000

struct conn {
    struct sender *sender;
    uv_tcp_t tcp;
    uv_connect_t connect;
    uv_write_t write;
    struct hook *hook;
    int64_t since; /* loop ms of the request */
    bool open, connected;
    struct buf head;
    char in[READ_BYTES];
    size_t in_len;
    int64_t body_left; /* of the answer; -1: its head is not complete */
    int status;
};

struct sender {
    struct sim *sim;
    struct addrinfo *to;
    char *path, *host, *authorization;
    struct list ready, waiting; /* waiting: retries, in order of their time as far as it goes */
    int64_t n_ready, n_waiting;
    struct conn *conns;
    int n_conns;
};

static void pump(struct sender *x);

/* ---- what became of a webhook ----------------------------------------------------------------------------
 */

static void mark_acknowledged(struct sim *s, int64_t number)
{
    size_t need = (size_t)number + 1;

    if (number < 0)
        return;
    if (need > s->acknowledged_bits) {
        size_t bits = s->acknowledged_bits ? s->acknowledged_bits * 2 : 1 << 16;
        uint8_t *more;

        while (bits < need)
            bits *= 2;
        more = mem_realloc(s->acknowledged, bits / 8);
        if (!more)
            return;
        memset(more + s->acknowledged_bits / 8, 0, (bits - s->acknowledged_bits) / 8);
        s->acknowledged = more;
        s->acknowledged_bits = bits;
    }
    s->acknowledged[number / 8] |= (uint8_t)(1 << (number % 8));
}

/* status 0: no answer came. */
static void settle(struct sender *x, struct hook *h, int status)
{
    struct sim *s = x->sim;

    s->counters.by_class[status / 100 <= 5 ? status / 100 : 0]++;
    if (status / 100 == 2) {
        s->counters.acknowledged++;
        mark_acknowledged(s, h->number);
        mem_free(h);
        return;
    }
    h->tries++;
    if (s->settings.retries > 0 && h->tries >= s->settings.retries) {
        s->counters.dropped++;
        mem_free(h);
        return;
    }
    s->counters.retried++;
    h->next_at = loop_now_ms(app_loop(s->app)) + RETRY_DELAY_MS * (h->tries < 10 ? h->tries : 10);
    list_append(&x->waiting, &h->in_queue);
    x->n_waiting++;
}

/* ---- one connection --------------------------------------------------------------------------------------
 */

static void on_closed(uv_handle_t *h)
{
    struct conn *c = h->data;

    c->open = false;
    pump(c->sender);
}

static void break_conn(struct conn *c)
{
    if (c->hook)
        settle(c->sender, TAKE(c->hook), 0);
    c->connected = false;
    if (c->open && !uv_is_closing((uv_handle_t *)&c->tcp))
        uv_close((uv_handle_t *)&c->tcp, on_closed);
}

static void answered(struct conn *c)
{
    settle(c->sender, TAKE(c->hook), c->status);
    c->body_left = -1;
    pump(c->sender);
}

/* Reads what has come; true when something of it was used up. */
static bool read_some(struct conn *c)
{
    char *end, *length;
    size_t head;

    if (c->body_left < 0) {
        c->in[c->in_len] = '\0';
        end = strstr(c->in, "\r\n\r\n");
        if (!end || !c->hook)
            return false;
        head = (size_t)(end - c->in) + 4;
        c->status = c->in_len > 12 ? (int)strtol(c->in + 9, NULL, 10) : 0;
        length = strcasestr(c->in, "\r\ncontent-length:");
        c->body_left = length && length < end ? strtol(length + 17, NULL, 10) : 0;
        memmove(c->in, c->in + head, c->in_len - head);
        c->in_len -= head;
        return true;
    }
    if (c->in_len == 0 && c->body_left > 0)
        return false;
    head = (int64_t)c->in_len < c->body_left ? c->in_len : (size_t)c->body_left;
    memmove(c->in, c->in + head, c->in_len - head);
    c->in_len -= head;
    c->body_left -= (int64_t)head;
    if (c->body_left == 0)
        answered(c);
    return c->in_len > 0;
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
        break_conn(c);
        return;
    }
    c->in_len += (size_t)n;
    while (c->connected && read_some(c))
        continue;
    if (c->connected && c->in_len == sizeof c->in - 1)
        break_conn(c); /* a head that long is no answer */
}

static void on_written(uv_write_t *w, int status)
{
    struct conn *c = container_of(w, struct conn, write);

    if (status != 0)
        break_conn(c);
}

static void send_hook(struct conn *c)
{
    struct sender *x = c->sender;
    struct hook *h = c->hook;
    uv_buf_t parts[2];

    buf_reset(&c->head);
    (void)buf_addf(
        &c->head,
        "POST %s HTTP/1.1\r\nAccept: application/json, text/plain, */*\r\nContent-Type: application/json\r\n"
        "X-Webhook-Event: %s\r\nUser-Agent: axios/1.21.1\r\nContent-Length: %zu\r\n"
        "Accept-Encoding: gzip, compress, deflate, br\r\nHost: %s\r\n%sConnection: keep-alive\r\n\r\n",
        x->path, h->event, h->n, x->host, x->authorization);
    c->since = loop_now_ms(app_loop(x->sim->app));
    c->body_left = -1;
    parts[0] = uv_buf_init(c->head.data, (unsigned)c->head.len);
    parts[1] = uv_buf_init(h->body, (unsigned)h->n);
    if (uv_write(&c->write, (uv_stream_t *)&c->tcp, parts, 2, on_written) != 0)
        break_conn(c);
}

static void on_connected(uv_connect_t *req, int status)
{
    struct conn *c = container_of(req, struct conn, connect);

    if (status != 0) {
        break_conn(c);
        return;
    }
    c->connected = true;
    c->in_len = 0;
    (void)uv_tcp_nodelay(&c->tcp, 1);
    (void)uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
    send_hook(c);
}

static void dial(struct conn *c)
{
    c->open = true;
    (void)uv_tcp_init(loop_uv(app_loop(c->sender->sim->app)), &c->tcp);
    c->tcp.data = c;
    c->since = loop_now_ms(app_loop(c->sender->sim->app));
    if (uv_tcp_connect(&c->connect, &c->tcp, c->sender->to->ai_addr, on_connected) != 0)
        break_conn(c);
}

/* If something waits and a connection is free, start it. */
static void pump(struct sender *x)
{
    for (int i = 0; i < x->n_conns && x->n_ready > 0; i++) {
        struct conn *c = &x->conns[i];

        if (c->hook || (c->open && !c->connected))
            continue;
        c->hook = container_of(list_pop(&x->ready), struct hook, in_queue);
        x->n_ready--;
        if (c->connected)
            send_hook(c);
        else
            dial(c);
    }
}

void sender_tick(struct sender *x, int64_t now_ms)
{
    LIST_FOR(it, &x->waiting)
    {
        struct hook *h = container_of(it, struct hook, in_queue);

        if (h->next_at > now_ms)
            continue;
        list_remove(it);
        x->n_waiting--;
        list_append(&x->ready, it);
        x->n_ready++;
    }
    for (int i = 0; i < x->n_conns; i++) {
        if (x->conns[i].hook && now_ms - x->conns[i].since > ANSWER_TIMEOUT_MS)
            break_conn(&x->conns[i]);
    }
    pump(x);
}

void sender_queue(struct sender *x, struct hook *h)
{
    if (x->n_ready + x->n_waiting >= QUEUE_MAX) {
        x->sim->counters.lost++;
        mem_free(h);
        return;
    }
    list_append(&x->ready, &h->in_queue);
    x->n_ready++;
    pump(x);
}

int64_t sender_waiting(const struct sender *x)
{
    int64_t n = x->n_ready + x->n_waiting;

    for (int i = 0; i < x->n_conns; i++)
        n += x->conns[i].hook != NULL;
    return n;
}

/* ---- open and close --------------------------------------------------------------------------------------
 */

/* As axios does: user and password of the URL become Basic, a token Bearer (contract only). */
static int make_authorization(struct sender *x, const struct url *u)
{
    char plain[512], encoded[700], line[800];

    line[0] = '\0';
    if (u->user.p) {
        int n = snprintf(plain, sizeof plain, "%.*s:%.*s", (int)u->user.n, u->user.p, (int)u->password.n,
                         u->password.p ? u->password.p : "");

        base64_encode(plain, (size_t)n < sizeof plain ? (size_t)n : sizeof plain - 1, encoded);
        (void)snprintf(line, sizeof line, "Authorization: Basic %s\r\n", encoded);
    } else if (x->sim->settings.webhook_token[0] && x->sim->dialect == SIM_CONTRACT) {
        (void)snprintf(line, sizeof line, "Authorization: Bearer %s\r\n", x->sim->settings.webhook_token);
    }
    x->authorization = mem_strdup(line);
    return x->authorization ? 0 : -ENOMEM;
}

static int resolve(struct sender *x, const struct url *u)
{
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    char host[256], port[8];

    (void)snprintf(host, sizeof host, "%.*s", (int)u->host.n, u->host.p);
    (void)snprintf(port, sizeof port, "%u", u->port ? u->port : 80);
    return getaddrinfo(host, port, &hints, &x->to) == 0 ? 0 : -EHOSTUNREACH;
}

static int read_url(struct sender *x)
{
    struct url u;
    char text[512];
    int r = text_to_url(x->sim->settings.webhook_url, &u);

    if (r != 0)
        return r;
    (void)snprintf(text, sizeof text, "%.*s%s%.*s", u.path.p ? (int)u.path.n : 1, u.path.p ? u.path.p : "/",
                   u.query.p ? "?" : "", (int)u.query.n, u.query.p ? u.query.p : "");
    x->path = mem_strdup(text);
    (void)snprintf(text, sizeof text, "%.*s:%u", (int)u.host.n, u.host.p, u.port ? u.port : 80);
    x->host = mem_strdup(text);
    r = x->path && x->host ? make_authorization(x, &u) : -ENOMEM;
    return r == 0 ? resolve(x, &u) : r;
}

int sender_open(struct sim *s, struct sender **ret)
{
    struct sender *x = mem_zalloc(sizeof *x);
    int r = 0;

    if (!x)
        return -ENOMEM;
    x->sim = s;
    list_init(&x->ready);
    list_init(&x->waiting);
    if (s->settings.webhook_url[0])
        r = read_url(x);
    if (r == 0) {
        x->conns = mem_zalloc(sizeof *x->conns * (size_t)s->settings.connections);
        r = x->conns ? 0 : -ENOMEM;
    }
    if (r != 0) {
        sender_close(x);
        return r;
    }
    x->n_conns = (int)s->settings.connections;
    for (int i = 0; i < x->n_conns; i++) {
        x->conns[i].sender = x;
        x->conns[i].body_left = -1;
        buf_init(&x->conns[i].head, 4096);
    }
    *ret = x;
    return 0;
}

static void free_queue(struct list *queue)
{
    struct list *it;

    while ((it = list_pop(queue)))
        mem_free(container_of(it, struct hook, in_queue));
}

void sender_close(struct sender *x)
{
    if (!x)
        return;
    free_queue(&x->ready);
    x->n_ready = 0;
    for (int i = 0; i < x->n_conns; i++)
        break_conn(&x->conns[i]);
    for (int turns = 0; turns < 8; turns++)
        (void)uv_run(loop_uv(app_loop(x->sim->app)), UV_RUN_NOWAIT);
    free_queue(&x->waiting);
    for (int i = 0; i < x->n_conns; i++)
        buf_fini(&x->conns[i].head);
    if (x->to)
        freeaddrinfo(x->to);
    mem_free(x->path);
    mem_free(x->host);
    mem_free(x->authorization);
    mem_free(x->conns);
    mem_free(x);
}
