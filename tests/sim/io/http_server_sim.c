/*
 * common/io/http_server.h over the simulated network: a request arrives whole, after its header was looked at.
 * Framing, limits in time and what half a request does are not played here: tests/unit/test_http.c and the process
 * tests hold the real server to those.
 */
#include "common/io/http_server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "tests/sim/io/loop_sim.h"
#include "tests/sim/io/net.h"

const struct http_limits http_limits_default = {
    .header_bytes_max = 16 * 1024,
    .body_bytes_max = 1024 * 1024,
    .bodies_bytes_max = 64 * 1024 * 1024,
    .header_ms = 10 * 1000,
    .body_ms = 30 * 1000,
    .idle_ms = 75 * 1000,
    .connections_max = 16384,
};

struct http_server {
    struct loop *loop;
    struct http_limits limits;
    struct http_handlers handlers;
    void *ctx;
    uint16_t port;
    bool quiet, closed;
    int pending;          /* handed to on_request and not answered */
    struct list requests; /* all that are not answered */
    struct http_server *next;
};

struct http_req {
    struct list link;
    struct ready ready;
    struct http_server *server;
    char *method, *path, *query, *headers, *body;
    size_t n;
    bool handed, answered;
    void *user;
    net_done done;
    void *done_ctx;
    int status;
    char *answer, *answer_headers;
    size_t answer_n;
};

static struct http_server *servers;

static char *copy(const char *s, size_t n)
{
    char *p = malloc(n + 1);

    if (!p)
        abort();
    if (n > 0)
        memcpy(p, s, n);
    p[n] = '\0';
    return p;
}

static struct http_server *find_server(uint16_t port)
{
    for (struct http_server *s = servers; s; s = s->next)
        if (s->port == port && !s->closed && !s->quiet && loop_sim_lives(s->loop))
            return s;
    return NULL;
}

bool net_listens(uint16_t port)
{
    return find_server(port) != NULL;
}

/* ---- answers --------------------------------------------------------------------------------- */

static void on_answered(void *ctx, int64_t a)
{
    struct http_req *r = ctx;

    r->done(r->done_ctx, r->status, (struct str){ r->answer, r->answer_n }, r->answer_headers);
}

static void leave(struct http_req *r, int status, struct str body, const char *headers)
{
    list_remove(&r->link);
    ready_cancel(&r->ready);
    r->status = status;
    r->answer = copy(body.p, body.n);
    r->answer_n = body.n;
    r->answer_headers = copy(headers ? headers : "", headers ? strlen(headers) : 0);
    free(r->body);
    r->body = NULL;
    world_at(world_now() + 1, on_answered, r, 0);
}

void http_respond(struct http_req *r, int status, const char *content_type, struct str body,
                  const char *extra_headers)
{
    if (r->answered)
        world_fail("a request is answered twice");
    r->answered = true;
    if (r->handed)
        r->server->pending--;
    process_step();
    leave(r, status, body, extra_headers);
}

void http_respond_error(struct http_req *r, int status, const char *error, const char *detail,
                        const char *extra_headers)
{
    char body[512];
    int n = snprintf(body, sizeof body, "{\"error\":\"%s\",\"detail\":\"%s\"}\n", error, detail);

    http_respond(r, status, "application/json", (struct str){ body, (size_t)n }, extra_headers);
}

void http_respond_cut(struct http_req *r, int status, const char *content_type, struct str body)
{
    http_respond(r, status, content_type, body, NULL);
}

/* ---- requests -------------------------------------------------------------------------------- */

static void on_ready(struct ready *ready)
{
    struct http_req *r = container_of(ready, struct http_req, ready);
    struct http_server *s = r->server;

    if ((int64_t)r->n > s->limits.body_bytes_max) {
        if (s->handlers.on_dropped)
            s->handlers.on_dropped(s->ctx, 413);
        leave(r, 413, STR_NULL, NULL);
        return;
    }
    if (s->handlers.on_begin && s->handlers.on_begin(s->ctx, r) == HTTP_BEGIN_ANSWERED)
        return;
    r->handed = true;
    s->pending++;
    s->handlers.on_request(s->ctx, r);
}

void net_send(uint16_t port, const char *method, const char *path, const char *headers, struct str body,
              net_done done, void *ctx)
{
    struct http_server *s = find_server(port);
    struct http_req *r = calloc(1, sizeof *r);
    const char *question = strchr(path, '?');

    if (!r)
        abort();
    list_init(&r->link);
    r->done = done;
    r->done_ctx = ctx;
    if (!s) {
        list_init(&r->ready.link);
        leave(r, 0, STR_NULL, NULL);
        return;
    }
    r->server = s;
    r->method = copy(method, strlen(method));
    r->path = copy(path, question ? (size_t)(question - path) : strlen(path));
    r->query = question ? copy(question + 1, strlen(question + 1)) : NULL;
    r->headers = copy(headers, strlen(headers));
    r->body = copy(body.p, body.n);
    r->n = body.n;
    ready_init(&r->ready, s->loop, on_ready);
    list_append(&s->requests, &r->link);
    ready_post(&r->ready);
}

/* ---- servers --------------------------------------------------------------------------------- */

static void break_all(struct http_server *s)
{
    while (!list_empty(&s->requests))
        leave(container_of(s->requests.next, struct http_req, link), 0, STR_NULL, NULL);
    s->closed = true;
}

static void on_process_end(struct process *p)
{
    for (struct http_server *s = servers; s; s = s->next)
        if (!s->closed && loop_sim_process(s->loop) == p)
            break_all(s);
}

int http_server_open(struct loop *l, const char *host, uint16_t port, int inherited_fd,
                     const struct http_limits *limits, const struct http_handlers *h, void *ctx,
                     struct http_server **ret)
{
    struct http_server *s;

    if (find_server(port))
        return -EADDRINUSE;
    s = calloc(1, sizeof *s);
    if (!s)
        abort();
    process_on_end(on_process_end);
    s->loop = l;
    s->limits = *limits;
    s->handlers = *h;
    s->ctx = ctx;
    s->port = port;
    list_init(&s->requests);
    s->next = servers;
    servers = s;
    *ret = s;
    return 0;
}

uint16_t http_server_port(const struct http_server *s)
{
    return s->port;
}

int http_server_connections(const struct http_server *s)
{
    int n = 0;

    LIST_FOR(it, &s->requests)
    n++;
    return n;
}

void http_server_quiesce(struct http_server *s)
{
    s->quiet = true;
}

int http_server_pending(const struct http_server *s)
{
    return s->pending;
}

void http_server_close(struct http_server *s)
{
    if (s && !s->closed)
        break_all(s);
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
    return r->query ? str_from(r->query) : STR_NULL;
}

struct str http_req_header(const struct http_req *r, const char *name)
{
    size_t n = strlen(name);

    for (const char *line = r->headers; *line; line += strcspn(line, "\n") + 1) {
        size_t length = strcspn(line, "\n");

        if (length > n + 2 && strncasecmp(line, name, n) == 0 && line[n] == ':')
            return (struct str){ line + n + 2, length - n - 2 };
        if (line[length] == '\0')
            break;
    }
    return STR_NULL;
}

struct str http_req_body(const struct http_req *r)
{
    return (struct str){ r->body, r->n };
}

char *http_req_take_body(struct http_req *r, size_t *ret_len)
{
    char *body = mem_alloc(r->n + 1);

    if (!body)
        abort();
    memcpy(body, r->body, r->n + 1);
    *ret_len = r->n;
    r->n = 0;
    return body;
}

struct str http_req_peer(const struct http_req *r)
{
    return STR_LIT("127.0.0.1:4711");
}

int64_t http_req_started_us(const struct http_req *r)
{
    return world_boot() * 1000;
}

void http_req_set_user(struct http_req *r, void *user)
{
    r->user = user;
}

void *http_req_user(const struct http_req *r)
{
    return r->user;
}
