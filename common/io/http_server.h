/*
 * Serving HTTP by libmicrohttpd on the loop (MHD_USE_EPOLL, no thread of its own): limits and time-outs, JSON
 * errors, answers given at once or later.
 *
 * One request: headers are checked against the limits → @on_request with the whole body → the handler answers
 * with http_respond(), at once or from a later callback (the connection is suspended meanwhile). When a peer
 * goes away first, the request stays valid until it is answered; the answer is then dropped.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/text.h"
#include "common/io/loop.h"

struct http_server;
struct http_req;

struct http_limits {
    int64_t header_bytes_max; /* 431 beyond */
    int64_t body_bytes_max;   /* 413 beyond */
    int64_t bodies_bytes_max; /* of all bodies that are read or with a handler; 503 beyond; 0: no limit */
    int64_t header_ms;   /* from the first byte (or the connection) to the end of the header; then closed */
    int64_t body_ms;     /* to the end of the body; then closed */
    int64_t idle_ms;     /* keep-alive without a request; then closed */
    int connections_max; /* further ones wait in the backlog */
};
/* 16 KiB, 1 MiB, 64 MiB, 10 s, 30 s, 75 s, 16384 (DESIGN section 5). */
extern const struct http_limits http_limits_default;

/* What on_begin says to a request whose header is complete and whose body is not read yet. */
enum http_begin {
    HTTP_BEGIN_READ = 0, /* read the body, then on_request */
    HTTP_BEGIN_ANSWERED, /* on_begin has called http_respond(): the body is drained (within limits) and
                            dropped */
};

struct http_handlers {
    /* May be NULL. For 401/404/405/415/503 before the body is read. */
    enum http_begin (*on_begin)(void *ctx, struct http_req *r);
    void (*on_request)(void *ctx, struct http_req *r);
    /* A request that never reached a handler was answered (400, 408, 413, 431, 503) or closed: for the
     * metrics. May be NULL.
     * @status 0: closed without an answer. */
    void (*on_dropped)(void *ctx, int status);
};

/* @inherited_fd: a listening socket to use instead of binding (socket activation), or -1.
 * Returns 0, -EADDRINUSE, -EACCES, -EADDRNOTAVAIL, -EINVAL (host), -ENOMEM. */
int http_server_open(struct loop *l, const char *host, uint16_t port, int inherited_fd,
                     const struct http_limits *limits, const struct http_handlers *h, void *ctx,
                     struct http_server **ret);
uint16_t http_server_port(const struct http_server *s); /* the port it got, when 0 was asked */
int http_server_connections(const struct http_server *s);
/* Stops accepting; requests under way go on. */
void http_server_quiesce(struct http_server *s);
int http_server_pending(const struct http_server *s); /* requests handed to on_request and not answered yet */
/* Sends the answers that were just given, then closes everything; unanswered requests are freed (do not
 * answer them later). NULL is nothing. */
void http_server_close(struct http_server *s);

/* Borrowed until the request is answered. */
struct str http_req_method(const struct http_req *r);
struct str http_req_path(const struct http_req *r);  /* without the query */
struct str http_req_query(const struct http_req *r); /* raw, without '?'; STR_NULL when absent */
struct str http_req_header(const struct http_req *r, const char *name); /* any case; STR_NULL when absent */
struct str http_req_body(const struct http_req *r);
/* Gives the body away: mem_free() it; it may be NULL when it is empty. http_req_body() is empty from then on.
 */
char *http_req_take_body(struct http_req *r, size_t *ret_len);
struct str http_req_peer(const struct http_req *r);    /* "127.0.0.1:4711" */
int64_t http_req_started_us(const struct http_req *r); /* clock_mono_us() when the header was complete */
/* A pointer of the handler's, NULL at first. */
void http_req_set_user(struct http_req *r, void *user);
void *http_req_user(const struct http_req *r);

/* Answers; the request is gone for the handler afterwards. @body is copied. @extra_headers: "Name: value\n"
 * lines or NULL. Never fails from the caller's view: when memory is short the connection is closed. */
void http_respond(struct http_req *r, int status, const char *content_type, struct str body,
                  const char *extra_headers);
/* {"error":"<code>","detail":"<detail>"} */
void http_respond_error(struct http_req *r, int status, const char *error, const char *detail,
                        const char *extra_headers);
/* For simulated peers: sends the header and about half of the body, then breaks the connection. */
void http_respond_cut(struct http_req *r, int status, const char *content_type, struct str body);
