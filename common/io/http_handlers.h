/*
 * A request as a handler of the HTTP server sees it: the handler's callbacks, the limits, questions to the request, and
 * its answer. http_server.h opens a server with them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/text.h"

struct http_req;

struct http_limits {
    int64_t header_bytes_max; /* of one header: 431 beyond (414: the target alone) */
    int64_t body_bytes_max;   /* 413 beyond; 0: no request may have a body */
    int64_t part_bytes;       /* 0: a larger body is answered 413; else on_request gets so many bytes of it */
    /* Of all that is being read or with a handler, and the part of one peer (an IPv4 address, an IPv6 /64):
     * 503 beyond. 0: no limit. */
    int64_t headers_bytes_max, headers_peer_max;       /* headers that are not complete */
    int64_t bodies_bytes_max, bodies_peer_max;         /* bodies */
    int64_t unverified_bytes_max, unverified_peer_max; /* bodies of HTTP_BEGIN_READ_UNVERIFIED */
    int connections_max;                               /* further ones wait in the backlog */
    int connections_peer_max;                          /* further ones are answered 503; 0: no limit */
    int64_t header_ms;     /* from the first byte (or the connection) to the end of the header */
    int64_t body_ms;       /* to the end of the body */
    int64_t unverified_ms; /* the same for HTTP_BEGIN_READ_UNVERIFIED */
    int64_t idle_ms;       /* keep-alive without a request, and an answer that is not read */
};
extern const struct http_limits http_limits_default;

/* The answer of on_begin to a request whose header is complete and whose body is not read yet. */
enum http_begin {
    HTTP_BEGIN_READ = 0,        /* read the body, then on_request */
    HTTP_BEGIN_READ_UNVERIFIED, /* the same, within the small quota for senders that are not known yet */
    HTTP_BEGIN_READ_PART,       /* read part_bytes of it, then on_request (http_req_is_part()) */
    HTTP_BEGIN_ANSWERED, /* on_begin has called http_respond(): it goes out now, the body is read over */
};

/* Why the server itself refused a request or closed a connection. */
#define HTTP_REFUSALS(X)                                                                           \
    X(MALFORMED, "malformed")               /* 400, 417, 501, 505 */                               \
    X(HEADER, "header_too_large")           /* 414, 431 */                                         \
    X(BODY, "body_too_large")               /* 413 */                                              \
    X(SLOW, "slow")                         /* closed: a header or a body took too long */         \
    X(BROKEN, "broken")                     /* closed: the peer went away inside a request */      \
    X(PEER_MEMORY, "peer_memory")           /* 503: this peer has its part of headers or bodies */ \
    X(PEER_CONNECTIONS, "peer_connections") /* 503: this peer has its part of connections */       \
    X(MEMORY, "memory")                     /* 503: all of the memory is in use */                 \
    X(CONNECTIONS, "connections")           /* new ones wait in the backlog: all are in use */

enum http_refusal {
#define X(name, text) HTTP_REFUSED_##name,
    HTTP_REFUSALS(X)
#undef X
        HTTP_REFUSAL_N
};
const char *http_refusal_text(enum http_refusal why);

struct http_refused {
    enum http_refusal why;
    int status;                 /* 0: closed without an answer */
    const char *detail;         /* static text */
    const struct http_req *req; /* for http_req_path() and the like; NULL: there is no header */
    struct str peer;            /* "127.0.0.1:4711" */
    int64_t bytes;              /* of the body, as far as known */
};

struct http_handlers {
    /* May be NULL. For 401/404/405/415/503 before the body is read. */
    enum http_begin (*on_begin)(void *ctx, struct http_req *r);
    void (*on_request)(void *ctx, struct http_req *r);
    /* The server refused something by itself: for metrics and log lines. May be NULL. Not called for
     * HTTP_REFUSED_CONNECTIONS. */
    void (*on_refused)(void *ctx, const struct http_refused *why);
};

/* Borrowed until the request is answered; a NUL is behind each text but the host. */
struct str http_req_method(const struct http_req *r);
struct str http_req_path(const struct http_req *r);  /* without the query; of an absolute target, too */
struct str http_req_query(const struct http_req *r); /* raw, without '?'; STR_NULL when absent */
struct str http_req_host(const struct http_req *r);  /* with its port; STR_NULL when absent */
struct str http_req_header(const struct http_req *r, const char *name); /* any case; STR_NULL when absent */
/* Field @i of the header, from 0; false: there are no more. */
bool http_req_field(const struct http_req *r, int i, struct str *ret_name, struct str *ret_value);
struct str http_req_body(const struct http_req *r);
bool http_req_has_body(const struct http_req *r);      /* in on_begin: one follows, as the header says */
int64_t http_req_body_bytes(const struct http_req *r); /* its length, as far as it is known */
bool http_req_is_part(const struct http_req *r);       /* http_req_body() is only the beginning */
/* Gives the body away: mem_free() it; it may be NULL when it is empty. http_req_body() is empty from then on.
 */
char *http_req_take_body(struct http_req *r, size_t *ret_len);
struct str http_req_peer(const struct http_req *r); /* "127.0.0.1:4711" */
/* A pointer of the handler's, NULL at first. */
void http_req_set_user(struct http_req *r, void *user);
void *http_req_user(const struct http_req *r);

/* Answers; the request is gone for the handler afterwards. @body is copied. @extra_headers: "Name: value\n"
 * lines or NULL; "Connection: close" closes behind the answer, and a Content-Length replaces the right one.
 * Never fails from the caller's view: when memory is short the connection is closed. */
void http_respond(struct http_req *r, int status, const char *content_type, struct str body,
                  const char *extra_headers);
/* {"error":"<code>","detail":"<detail>"} */
void http_respond_error(struct http_req *r, int status, const char *error, const char *detail,
                        const char *extra_headers);
