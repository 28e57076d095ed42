/*
 * The listening socket, its limits and the sweep over connections that are late. The flow of a request is in
 * http_request.c.
 *
 * Why no library: the bytes of every header have to be held against RFC 9112 more strictly than
 * libmicrohttpd 0.9.75 does it, also behind the first request of a connection. To find the second header one
 * has to follow the body of the first, chunks included, so a check in front of a library is a whole reader of
 * HTTP/1.1 requests already; a library behind it adds a second copy of all bytes (DESIGN.md of
 * webhook-ingest has the measures). Debian 12 has no other strict one: no llhttp, http-parser is no longer
 * kept, libevent's reader takes folded lines and bare LF.
 */
#include "common/io/http_server.h"

#include <errno.h>
#include <netdb.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/io/http_request.h"
#include "common/io/net_listen.h"

/* How often late connections are looked for. */
#define SWEEP_MS 1000
#define BACKLOG  1024
/* An overload is over when nothing was refused for so long: longer than two of Prometheus' usual scrapes would
 * be too long for a load balancer, shorter than a check of one every second too short. */
#define OVERLOAD_MS 5000

struct listener {
    uv_tcp_t tcp; /* first: the address is that of the allocation */
    struct http_server *server;
};

struct http_server {
    struct http_service service;
    struct listener *listener;
    struct timer *sweep;
    uint16_t port;
    bool waiting; /* the next connection was not taken: there is no room for it */
};

/* ---- connections ----------------------------------------------------------------------------- */

/* A peer that has too many connections gets a 503. */
static void turn_away(struct http_service *s, struct wire *w, const struct sockaddr *a)
{
    static const char detail[] = "your address has its part of the connections; use those that are open";
    struct http_refused f = { .why = HTTP_REFUSED_PEER_CONNECTIONS, .status = 503, .detail = detail };
    char host[48] = "?";
    size_t n;
    char *bytes = http_reply_error(503, "busy", detail, &s->date, &n);

    if (bytes)
        (void)wire_send(w, bytes, n);
    (void)getnameinfo(a, sizeof(struct sockaddr_storage), host, sizeof host, NULL, 0, NI_NUMERICHOST);
    f.peer = str_from(host);
    if (s->h.on_refused)
        s->h.on_refused(s->ctx, &f);
}

/* Returns 0 or -errno; -ENOMEM: the connection may wait in the backlog still. */
static int accept_one(struct http_server *s)
{
    struct http_req *r = http_req_new();
    struct sockaddr_storage a;
    struct http_peer *peer = NULL;
    struct wire *w = NULL;
    int q = r ? wire_accept((uv_stream_t *)&s->listener->tcp, &http_req_events, r, &w) : -ENOMEM;

    if (q == 0) {
        wire_address(w, &a);
        q = http_quota_join(s->service.quota, (struct sockaddr *)&a, &peer);
    }
    if (q == 0) {
        http_req_start(r, &s->service, w, peer);
        return 0;
    }
    if (q == HTTP_QUOTA_PEER)
        turn_away(&s->service, w, (struct sockaddr *)&a);
    wire_close(w);
    http_req_free(r);
    return q < 0 ? q : 0;
}

static void accept_next(struct http_server *s)
{
    bool room = s->service.n_connections < s->service.limits.connections_max;

    if (!room)
        http_service_overload(&s->service, HTTP_REFUSED_CONNECTIONS);
    s->waiting = !room || accept_one(s) == -ENOMEM;
}

static void on_connection(uv_stream_t *stream, int status)
{
    struct listener *l = container_of(stream, struct listener, tcp);

    if (status == 0 && l->server)
        accept_next(l->server);
}

static void on_left(struct http_service *service)
{
    struct http_server *s = container_of(service, struct http_server, service);

    if (s->waiting && s->listener)
        accept_next(s);
}

static void on_sweep(void *ctx)
{
    struct http_server *s = ctx;

    http_req_sweep(&s->service);
    on_left(&s->service); /* memory may be there again */
    timer_start(s->sweep, SWEEP_MS);
}

/* ---- open and close -------------------------------------------------------------------------- */

/* Each connection is a descriptor; the usual soft limit of 1024 is far below connections_max. */
static void allow_descriptors(int connections)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= (rlim_t)connections + 256)
        return;
    limit.rlim_cur = limit.rlim_max < (rlim_t)connections + 256 ? limit.rlim_max : (rlim_t)connections + 256;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static void on_closed(uv_handle_t *h)
{
    mem_free(container_of(h, struct listener, tcp));
}

static void close_listener(struct http_server *s)
{
    if (!s->listener)
        return;
    s->listener->server = NULL;
    uv_close((uv_handle_t *)&s->listener->tcp, on_closed);
    s->listener = NULL;
}

/* Takes @fd over, also when it fails. */
static int open_listener(struct http_server *s, int fd)
{
    struct listener *l = mem_zalloc(sizeof *l);
    int r = l ? uv_tcp_init(loop_uv(s->service.loop), &l->tcp) : -ENOMEM;

    if (r != 0) {
        mem_free(l);
        (void)close(fd);
        return r;
    }
    l->server = s;
    s->listener = l;
    r = uv_tcp_open(&l->tcp, fd);
    if (r != 0)
        (void)close(fd);
    else
        r = uv_listen((uv_stream_t *)&l->tcp, BACKLOG, on_connection);
    return r;
}

static int open_quota(struct http_service *s)
{
    const struct http_limits *l = &s->limits;
    const struct http_quota_limits quota = {
        .connections_peer_max = l->connections_peer_max,
        .use = { [HTTP_USE_HEADERS] = { l->headers_bytes_max, l->headers_peer_max },
                 [HTTP_USE_UNVERIFIED] = { l->unverified_bytes_max, l->unverified_peer_max },
                 [HTTP_USE_BODIES] = { l->bodies_bytes_max, l->bodies_peer_max } },
    };

    return http_quota_open(&quota, &s->quota);
}

int http_server_open(struct loop *l, const char *host, uint16_t port, int inherited_fd,
                     const struct http_limits *limits, const struct http_handlers *h, void *ctx,
                     struct http_server **ret)
{
    struct http_server *s = mem_zalloc(sizeof *s);
    int fd = inherited_fd;
    int r = s ? 0 : -ENOMEM;

    if (r == 0) {
        s->service =
            (struct http_service){ .loop = l, .limits = *limits, .h = *h, .ctx = ctx, .on_left = on_left };
        list_init(&s->service.connections);
        list_init(&s->service.turns);
        r = fd < 0 ? net_listen(host, port, BACKLOG, &fd) : 0;
    }
    if (r == 0) {
        allow_descriptors(limits->connections_max);
        s->port = net_port(fd);
        r = open_listener(s, fd);
    }
    if (r == 0)
        r = open_quota(&s->service);
    if (r == 0)
        r = timer_open(l, on_sweep, s, &s->sweep);
    if (r == 0)
        r = timer_open(l, http_req_next_pass, &s->service, &s->service.next_pass);
    if (r != 0) {
        http_server_close(s);
        return r;
    }
    timer_start(s->sweep, SWEEP_MS);
    *ret = s;
    return 0;
}

void http_server_quiesce(struct http_server *s)
{
    close_listener(s);
}

void http_server_close(struct http_server *s)
{
    if (!s)
        return;
    close_listener(s);
    http_req_close_all(&s->service);
    http_quota_close(s->service.quota);
    timer_close(s->sweep);
    timer_close(s->service.next_pass);
    mem_free(s);
}

/* ---- questions ------------------------------------------------------------------------------- */

uint16_t http_server_port(const struct http_server *s)
{
    return s->port;
}

int http_server_connections(const struct http_server *s)
{
    return s->service.n_connections;
}

int http_server_pending(const struct http_server *s)
{
    return s->service.pending;
}

enum http_refusal http_server_overload(const struct http_server *s)
{
    const struct http_service *service = &s->service;
    bool over =
        service->overloaded_ms == 0 || loop_now_ms(service->loop) - service->overloaded_ms > OVERLOAD_MS;

    return over ? HTTP_REFUSAL_N : service->overload;
}
