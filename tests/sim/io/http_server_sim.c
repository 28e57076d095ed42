/*
 * common/io/http_server.h over the simulated network: a request arrives whole, after its header was looked at.
 * Framing, limits in time and half requests are not played here: tests/unit/test_http.c and the process
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
    int64_t length; /* of the body as it was sent */
    bool handed, answered, part;
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

/* ---- requests -------------------------------------------------------------------------------- */

static void refuse_large(struct http_req *r)
{
    struct http_server *s = r->server;
    const struct http_refused f = { .why = HTTP_REFUSED_BODY,
                                    .status = 413,
                                    .detail = "the body is too large",
                                    .req = r,
                                    .peer = http_req_peer(r),
                                    .bytes = (int64_t)r->n };

    if (s->handlers.on_refused)
        s->handlers.on_refused(s->ctx, &f);
    leave(r, 413, STR_NULL, NULL);
}

static void on_ready(struct ready *ready)
{
    struct http_req *r = container_of(ready, struct http_req, ready);
    struct http_server *s = r->server;
    enum http_begin begin = HTTP_BEGIN_READ;

    r->length = (int64_t)r->n;
    if (s->handlers.on_begin)
        begin = s->handlers.on_begin(s->ctx, r);
    if (begin == HTTP_BEGIN_ANSWERED)
        return;
    if (r->length > s->limits.body_bytes_max && s->limits.part_bytes == 0) {
        refuse_large(r);
        return;
    }
    if (begin == HTTP_BEGIN_READ_PART || r->length > s->limits.body_bytes_max) {
        r->part = r->length > s->limits.part_bytes;
        r->n = r->part ? (size_t)s->limits.part_bytes : r->n;
    }
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

enum http_refusal http_server_overload(const struct http_server *s)
{
    return HTTP_REFUSAL_N;
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

/* ---- for handlers ---------------------------------------------------------------------------- */

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

struct str http_req_host(const struct http_req *r)
{
    return STR_LIT("127.0.0.1");
}

bool http_req_field(const struct http_req *r, int i, struct str *ret_name, struct str *ret_value)
{
    return false;
}

bool http_req_has_body(const struct http_req *r)
{
    return r->length > 0;
}

int64_t http_req_body_bytes(const struct http_req *r)
{
    return r->length;
}

bool http_req_is_part(const struct http_req *r)
{
    return r->part;
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

void http_req_set_user(struct http_req *r, void *user)
{
    r->user = user;
}

void *http_req_user(const struct http_req *r)
{
    return r->user;
}
