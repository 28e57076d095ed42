/*
 * libmicrohttpd on the loop. One request, when all goes well:
 *   on_uri        the request line is complete: the query is kept as it was sent
 *   on_access     1st call: the header is complete → on_begin; more calls: pieces of the body;
 *                 last call: → on_request, which answers at once or leaves the connection suspended
 *   http_respond  keeps the answer and resumes the connection; on_access is called again and queues it
 * Pieces of time that libmicrohttpd does not limit (a header or a body that drips in) are cut by a sweep each
 * second.
 *
 * A suspended connection is not read, so a peer that goes away is noticed only after the answer: a request
 * handed to on_request stays valid until it is answered.
 */
#include "common/io/http_server.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/json_out.h"
#include "common/base/list.h"
#include "common/base/mem.h"

/* How often late connections are looked for. */
#define SWEEP_MS 1000
/* Of a refused body this much is read and dropped, so that the peer gets to read the answer. */
#define DRAIN_BYTES_MAX (8 * 1024 * 1024)
/* A connection keeps a body buffer up to this for its next request; most webhooks are smaller. */
#define BODY_KEPT_BYTES 1024
/* Queries are tokens; longer ones are not ours. */
#define QUERY_MAX 1024
#define BACKLOG   1024
/* libmicrohttpd needs room beside the header for its own records. */
#define POOL_EXTRA_BYTES 2048

const struct http_limits http_limits_default = {
    .header_bytes_max = 16 * 1024,
    .body_bytes_max = 1024 * 1024,
    .bodies_bytes_max = 64 * 1024 * 1024,
    .header_ms = 10 * 1000,
    .body_ms = 30 * 1000,
    .idle_ms = 75 * 1000,
    .connections_max = 16384,
};

enum phase {
    PHASE_IDLE,    /* nothing of a request yet */
    PHASE_HEADER,  /* the request line is there */
    PHASE_BODY,    /* the header is complete, the body is read (or dropped) */
    PHASE_HANDLED, /* with the handler */
    PHASE_ANSWER,  /* answered */
};

/* One connection, and its request of the moment. */
struct http_req {
    struct list in_server;
    struct http_server *server;
    struct MHD_Connection *mhd;
    enum phase phase;
    int64_t phase_ms; /* when it began, loop time */
    bool first;       /* no request was complete yet */
    bool suspended;
    bool refused; /* the answer is there before the body was: read on and drop */
    const char *method, *path;
    char *query; /* as sent, or NULL */
    char *body;
    size_t body_len, body_cap;
    int64_t dropped; /* bytes of a refused body */
    int64_t started_us;
    struct MHD_Response *response;
    int status;
    char peer[64];
    void *user;
};

struct http_server {
    struct loop *loop;
    struct MHD_Daemon *daemon;
    struct poll_fd *readable;
    struct timer *run, *sweep;
    struct list requests; /* one per connection */
    struct http_limits limits;
    struct http_handlers h;
    void *ctx;
    int listen_fd, connections, pending;
    int64_t bodies_bytes; /* allocated for bodies, over all requests */
    uint16_t port;
    bool closing, made_room;
};

static void enter(struct http_req *r, enum phase phase)
{
    r->phase = phase;
    r->phase_ms = loop_now_ms(r->server->loop);
}

static void dropped(struct http_server *s, int status)
{
    if (s->h.on_dropped)
        s->h.on_dropped(s->ctx, status);
}

/* ---- the body -------------------------------------------------------------------------------- */

static int grow_body(struct http_req *r, size_t need)
{
    const struct http_limits *l = &r->server->limits;
    int64_t *total = &r->server->bodies_bytes;
    size_t cap = r->body_cap ? r->body_cap : BODY_KEPT_BYTES;
    char *body;

    if (need < r->body_cap)
        return 0;
    while (cap <= need)
        cap *= 2;
    if (l->bodies_bytes_max > 0 && *total + (int64_t)(cap - r->body_cap) > l->bodies_bytes_max)
        return -EAGAIN;
    body = mem_realloc(r->body, cap);
    if (!body)
        return -ENOMEM;
    *total += (int64_t)(cap - r->body_cap);
    r->body = body;
    r->body_cap = cap;
    return 0;
}

/* The body's memory is no longer the request's. */
static void forget_body(struct http_req *r)
{
    r->server->bodies_bytes -= (int64_t)r->body_cap;
    r->body = NULL;
    r->body_len = r->body_cap = 0;
}

static void too_large(struct http_req *r)
{
    char detail[96];

    (void)snprintf(detail, sizeof detail, "a body may have %lld bytes",
                   (long long)r->server->limits.body_bytes_max);
    http_respond_error(r, 413, "too_large", detail, NULL);
    dropped(r->server, 413);
}

static void too_many_bodies(struct http_req *r)
{
    http_respond_error(r, 503, "busy", "too many bodies are being read; send it again", "Retry-After: 1\n");
    dropped(r->server, 503);
}

static enum MHD_Result take_piece(struct http_req *r, const char *data, size_t n)
{
    int grown;

    if (r->response) {
        r->dropped += (int64_t)n;
        return r->dropped > DRAIN_BYTES_MAX ? MHD_NO : MHD_YES;
    }
    if (r->body_len + n > (size_t)r->server->limits.body_bytes_max) {
        r->refused = true;
        too_large(r);
        return r->response ? MHD_YES : MHD_NO;
    }
    grown = grow_body(r, r->body_len + n);
    if (grown == -EAGAIN) {
        r->refused = true;
        mem_free(r->body);
        forget_body(r);
        too_many_bodies(r);
        return r->response ? MHD_YES : MHD_NO;
    }
    if (grown != 0)
        return MHD_NO;
    memcpy(r->body + r->body_len, data, n);
    r->body_len += n;
    r->body[r->body_len] = '\0';
    return MHD_YES;
}

/* ---- the request ----------------------------------------------------------------------------- */

static enum MHD_Result queue_answer(struct http_req *r)
{
    enum MHD_Result ok = MHD_queue_response(r->mhd, (unsigned)r->status, r->response);

    MHD_destroy_response(r->response);
    r->response = NULL;
    enter(r, PHASE_ANSWER);
    return ok;
}

static int64_t content_length(struct http_req *r)
{
    struct str text = http_req_header(r, "Content-Length");
    int64_t n = 0;

    return text.p && text_to_i64(text.p, &n) == 0 ? n : 0;
}

/* The header is complete. An answer that is known already goes out at once when the peer waits for permission
 * to send its body, or would send more than is worth reading; else the body is read and dropped first, which
 * keeps the connection. */
static enum MHD_Result begin(struct http_req *r)
{
    struct http_server *s = r->server;
    int64_t length = content_length(r);
    bool answered = true;

    enter(r, PHASE_BODY);
    r->started_us = clock_mono_us();
    r->body_len = 0;
    r->dropped = 0;
    r->refused = false;
    if (length > s->limits.body_bytes_max)
        too_large(r);
    else
        answered = s->h.on_begin && s->h.on_begin(s->ctx, r) == HTTP_BEGIN_ANSWERED;
    if (!answered)
        return MHD_YES;
    if (!r->response) /* no memory for an answer: nothing of a refused request is taken */
        return MHD_NO;
    r->refused = true;
    if (http_req_header(r, "Expect").p || length > DRAIN_BYTES_MAX)
        return queue_answer(r);
    return MHD_YES;
}

static enum MHD_Result hand_over(struct http_req *r)
{
    struct http_server *s = r->server;

    enter(r, PHASE_HANDLED);
    r->first = false;
    s->pending++;
    s->h.on_request(s->ctx, r);
    if (r->response)
        return queue_answer(r);
    r->suspended = true;
    MHD_suspend_connection(r->mhd);
    return MHD_YES;
}

static struct http_req *req_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info ? info->socket_context : NULL;
}

static enum MHD_Result on_access(void *ctx, struct MHD_Connection *mhd, const char *url, const char *method,
                                 const char *version, const char *data, size_t *n, void **req_ctx)
{
    struct http_req *r = req_of(mhd);
    enum MHD_Result ok;

    if (!r || (r->server->closing && !r->response))
        return MHD_NO;
    r->mhd = mhd;
    if (r->phase == PHASE_IDLE || r->phase == PHASE_HEADER) {
        r->method = method;
        r->path = url;
        return begin(r);
    }
    if (*n > 0) {
        ok = take_piece(r, data, *n);
        *n = 0;
        return ok;
    }
    if (r->response)
        return queue_answer(r);
    return r->phase == PHASE_BODY ? hand_over(r) : MHD_NO;
}

/* ---- connections ----------------------------------------------------------------------------- */

static void *on_uri(void *ctx, const char *uri, struct MHD_Connection *mhd)
{
    struct http_req *r = req_of(mhd);
    const char *query = strchr(uri, '?');

    if (!r)
        return NULL;
    enter(r, PHASE_HEADER);
    mem_freep(&r->query);
    if (query && strlen(query + 1) <= QUERY_MAX)
        r->query = mem_strdup(query + 1);
    return NULL;
}

/* The request is over: answered, or its connection is. */
static void on_completed(void *ctx, struct MHD_Connection *mhd, void **req_ctx,
                         enum MHD_RequestTerminationCode why)
{
    struct http_req *r = req_of(mhd);

    if (!r)
        return;
    if (r->body_cap > BODY_KEPT_BYTES) {
        mem_free(r->body);
        forget_body(r);
    }
    if (r->response) {
        MHD_destroy_response(r->response);
        r->response = NULL;
    }
    r->user = NULL;
    enter(r, PHASE_IDLE);
}

static void on_connection(void *ctx, struct MHD_Connection *mhd, void **socket_ctx,
                          enum MHD_ConnectionNotificationCode what)
{
    struct http_server *s = ctx;
    struct http_req *r = *socket_ctx;

    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        r = mem_zalloc(sizeof *r);
        if (!r)
            return; /* its requests find no context and are closed */
        r->server = s;
        r->mhd = mhd;
        r->first = true;
        enter(r, PHASE_IDLE);
        list_append(&s->requests, &r->in_server);
        s->connections++;
        *socket_ctx = r;
    } else if (r) {
        list_remove(&r->in_server);
        s->made_room = s->made_room || s->connections == s->limits.connections_max;
        s->connections--;
        mem_free(r->query);
        mem_free(r->body);
        forget_body(r);
        mem_free(r);
        *socket_ctx = NULL;
    }
}

/* How long the phase may last; the sweep closes what is later. */
static int64_t phase_limit(const struct http_req *r)
{
    const struct http_limits *l = &r->server->limits;

    switch (r->phase) {
    case PHASE_IDLE: /* bytes that drip in count as activity for libmicrohttpd: a new connection has
                        header_ms, a kept one idle_ms */
        return r->first ? l->header_ms : l->idle_ms;
    case PHASE_HEADER:
        return l->header_ms;
    case PHASE_BODY:
        return l->body_ms;
    case PHASE_HANDLED:
        return INT64_MAX; /* the handler's time */
    case PHASE_ANSWER:
        return l->idle_ms; /* a peer that does not read */
    }
    return INT64_MAX;
}

static void on_sweep(void *ctx)
{
    struct http_server *s = ctx;
    int64_t now = loop_now_ms(s->loop);

    LIST_FOR(it, &s->requests)
    {
        struct http_req *r = container_of(it, struct http_req, in_server);
        const union MHD_ConnectionInfo *info;

        if (now - r->phase_ms < phase_limit(r))
            continue;
        info = MHD_get_connection_info(r->mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
        if (info && shutdown(info->connect_fd, SHUT_RDWR) == 0 && r->phase != PHASE_IDLE)
            dropped(s, 0);
        enter(r, r->phase); /* libmicrohttpd closes it at its next turn; not again before that */
    }
    timer_start(s->sweep, SWEEP_MS);
}

static void on_run(void *ctx)
{
    struct http_server *s = ctx;
    MHD_UNSIGNED_LONG_LONG timeout;

    (void)MHD_run(s->daemon);
    if (s->made_room) /* libmicrohttpd listens again only at its next turn, and nothing else may bring that
                         about */
        (void)MHD_run(s->daemon);
    s->made_room = false;
    if (MHD_get_timeout(s->daemon, &timeout) == MHD_YES)
        timer_start(s->run, (int64_t)timeout);
    else
        timer_stop(s->run);
}

/* ---- open and close -------------------------------------------------------------------------- */

static int bind_to(const struct addrinfo *a, int *ret_fd)
{
    int one = 1;
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int r = 0;

    if (fd < 0)
        return -errno;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, a->ai_addr, a->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0)
        r = -errno;
    if (r != 0)
        (void)close(fd);
    else
        *ret_fd = fd;
    return r;
}

static int listen_on(const char *host, uint16_t port, int *ret_fd)
{
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE };
    struct addrinfo *found;
    char service[8];
    int r;

    (void)snprintf(service, sizeof service, "%u", port);
    if (getaddrinfo(host, service, &hints, &found) != 0)
        return -EINVAL;
    r = bind_to(found, ret_fd);
    freeaddrinfo(found);
    return r;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_storage a = { 0 };
    socklen_t n = sizeof a;
    char service[8];

    if (getsockname(fd, (struct sockaddr *)&a, &n) != 0 ||
        getnameinfo((struct sockaddr *)&a, n, NULL, 0, service, sizeof service, NI_NUMERICSERV) != 0)
        return 0;
    return (uint16_t)strtoul(service, NULL, 10);
}

/* Each connection is a descriptor; the usual soft limit of 1024 is far below what is allowed. */
static void allow_descriptors(int connections)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= (rlim_t)connections + 256)
        return;
    limit.rlim_cur = limit.rlim_max < (rlim_t)connections + 256 ? limit.rlim_max : (rlim_t)connections + 256;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* Paths are compared as they are sent. */
static size_t no_unescape(void *ctx, struct MHD_Connection *mhd, char *text)
{
    return strlen(text);
}

static struct MHD_Daemon *start_daemon(struct http_server *s)
{
    const struct http_limits *l = &s->limits;

    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_access, s, MHD_OPTION_LISTEN_SOCKET,
        s->listen_fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)l->connections_max,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)(l->idle_ms / 1000), MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)l->header_bytes_max + POOL_EXTRA_BYTES, MHD_OPTION_NOTIFY_CONNECTION, on_connection, s,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, s, MHD_OPTION_URI_LOG_CALLBACK, on_uri, s,
        MHD_OPTION_UNESCAPE_CALLBACK, no_unescape, s, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
}

static int open_handles(struct http_server *s)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    int r = info ? timer_open(s->loop, on_run, s, &s->run) : -EIO;

    if (r == 0)
        r = timer_open(s->loop, on_sweep, s, &s->sweep);
    if (r == 0)
        r = poll_fd_open(s->loop, info->epoll_fd, on_run, s, &s->readable);
    if (r == 0)
        timer_start(s->sweep, SWEEP_MS);
    return r;
}

int http_server_open(struct loop *l, const char *host, uint16_t port, int inherited_fd,
                     const struct http_limits *limits, const struct http_handlers *h, void *ctx,
                     struct http_server **ret)
{
    struct http_server *s = mem_zalloc(sizeof *s);
    int r = 0;

    if (!s)
        return -ENOMEM;
    *s = (struct http_server){ .loop = l, .limits = *limits, .h = *h, .ctx = ctx, .listen_fd = inherited_fd };
    list_init(&s->requests);
    if (inherited_fd < 0)
        r = listen_on(host, port, &s->listen_fd);
    if (r == 0) {
        allow_descriptors(limits->connections_max);
        s->port = port_of(s->listen_fd);
        s->daemon = start_daemon(s);
        r = s->daemon ? open_handles(s) : -ENOMEM;
    }
    if (r != 0) {
        http_server_close(s);
        return r;
    }
    *ret = s;
    return 0;
}

uint16_t http_server_port(const struct http_server *s)
{
    return s->port;
}

int http_server_connections(const struct http_server *s)
{
    return s->connections;
}

void http_server_quiesce(struct http_server *s)
{
    int fd = MHD_quiesce_daemon(s->daemon);

    if (fd >= 0)
        (void)close(fd);
    s->listen_fd = -1;
}

int http_server_pending(const struct http_server *s)
{
    return s->pending;
}

/* libmicrohttpd wants no connection suspended when it stops. What was answered just now goes out, as far as
 * the peer takes it at once. */
static void resume_all(struct http_server *s)
{
    s->closing = true;
    LIST_FOR(it, &s->requests)
    {
        struct http_req *r = container_of(it, struct http_req, in_server);

        if (r->suspended)
            MHD_resume_connection(r->mhd);
        r->suspended = false;
    }
    (void)MHD_run(s->daemon);
}

void http_server_close(struct http_server *s)
{
    if (!s)
        return;
    poll_fd_close(s->readable);
    if (s->daemon) {
        resume_all(s);
        MHD_stop_daemon(s->daemon); /* closes the listening socket */
    } else if (s->listen_fd >= 0) {
        (void)close(s->listen_fd);
    }
    timer_close(s->run);
    timer_close(s->sweep);
    mem_free(s);
}

/* ---- what a handler asks --------------------------------------------------------------------- */

struct str http_req_method(const struct http_req *r)
{
    return str_from(r->method);
}

struct str http_req_path(const struct http_req *r)
{
    return str_from(r->path);
}

struct str http_req_query(const struct http_req *r)
{
    return str_from(r->query);
}

struct str http_req_header(const struct http_req *r, const char *name)
{
    return str_from(MHD_lookup_connection_value(r->mhd, MHD_HEADER_KIND, name));
}

struct str http_req_body(const struct http_req *r)
{
    return (struct str){ r->body_len ? r->body : "", r->body_len };
}

char *http_req_take_body(struct http_req *r, size_t *ret_len)
{
    char *body = r->body;

    *ret_len = r->body_len;
    forget_body(r);
    return body;
}

struct str http_req_peer(const struct http_req *r)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(r->mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    struct http_req *writable = (struct http_req *)r;
    char host[48], service[8];

    if (!info || getnameinfo(info->client_addr, sizeof(struct sockaddr_storage), host, sizeof host, service,
                             sizeof service, NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return STR_LIT("?");
    (void)snprintf(writable->peer, sizeof writable->peer, "%s:%s", host, service);
    return str_from(r->peer);
}

int64_t http_req_started_us(const struct http_req *r)
{
    return r->started_us;
}

void http_req_set_user(struct http_req *r, void *user)
{
    r->user = user;
}

void *http_req_user(const struct http_req *r)
{
    return r->user;
}

/* ---- answers --------------------------------------------------------------------------------- */

static void add_headers(struct MHD_Response *response, const char *lines)
{
    char line[512];

    while (lines && *lines) {
        size_t n = strcspn(lines, "\n");
        char *colon;

        if (n < sizeof line) {
            memcpy(line, lines, n);
            line[n] = '\0';
            colon = strchr(line, ':');
            if (colon) {
                *colon = '\0';
                (void)MHD_add_response_header(response, line, colon + 1 + strspn(colon + 1, " "));
            }
        }
        lines += n + (lines[n] == '\n');
    }
}

static void resume(struct http_req *r)
{
    if (!r->suspended)
        return;
    r->suspended = false;
    MHD_resume_connection(r->mhd);
    timer_start(r->server->run, 0);
}

/* The handler's part is over: with a response it is sent, without one the connection is closed. */
static void answer_with(struct http_req *r, int status, struct MHD_Response *response)
{
    r->response = response;
    r->status = status;
    if (r->phase != PHASE_HANDLED)
        return;
    r->server->pending--;
    resume(r);
}

void http_respond(struct http_req *r, int status, const char *content_type, struct str body,
                  const char *extra_headers)
{
    struct MHD_Response *response;

    if (r->response)
        return; /* answered already (refused while the body was read) */
    response = MHD_create_response_from_buffer(body.n, (void *)body.p, MHD_RESPMEM_MUST_COPY);
    if (response) {
        if (content_type)
            (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
        add_headers(response, extra_headers);
    }
    answer_with(r, status, response);
}

/* Gives out half of the body, then says that it failed. */
static ssize_t read_half(void *ctx, uint64_t pos, char *ret, size_t max)
{
    const struct buf *body = ctx;
    size_t half = body->len / 2;

    if (pos >= half)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (max > half - pos)
        max = half - pos;
    memcpy(ret, body->data + pos, max);
    return (ssize_t)max;
}

static void free_body(void *ctx)
{
    struct buf *body = ctx;

    buf_fini(body);
    mem_free(body);
}

void http_respond_cut(struct http_req *r, int status, const char *content_type, struct str body)
{
    struct buf *copy = mem_zalloc(sizeof *copy);
    struct MHD_Response *response = NULL;

    if (copy) {
        buf_init(copy, body.n);
        (void)buf_add(copy, body.p, body.n);
        response = MHD_create_response_from_callback(body.n, 4096, read_half, copy, free_body);
    }
    if (response)
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
    answer_with(r, status, response);
}

void http_respond_error(struct http_req *r, int status, const char *error, const char *detail,
                        const char *extra_headers)
{
    CLEANUP(buf_fini) struct buf body = BUF_INIT(4096);
    struct json_out j = JSON_OUT(&body);

    json_open(&j, NULL, '{');
    json_texts(&j, "error", error);
    json_texts(&j, "detail", detail);
    json_close(&j, '}');
    http_respond(r, status, "application/json", (struct str){ buf_str(&body), body.len }, extra_headers);
}
