/*
 * One connection of the HTTP server and its request of the moment (struct http_req of http_server.h): the
 * flow from bytes to the handler and from the answer to bytes.
 */
#pragma once

#include "common/base/list.h"
#include "common/io/http_quota.h"
#include "common/io/http_reply.h"
#include "common/io/http_server.h"
#include "common/io/http_wire.h"

/* The server as its connections see it. Embedded in the server. */
struct http_service {
    struct loop *loop;
    struct http_limits limits;
    struct http_handlers h;
    void *ctx;
    struct http_quota *quota;
    struct http_date date;
    struct list connections;
    int n_connections;
    int pending;           /* requests with the handler */
    bool closing;          /* answers say that the connection ends */
    int64_t overloaded_ms; /* loop time, when a limit of the whole server last refused something; 0: never */
    enum http_refusal overload;
    void (*on_left)(struct http_service *s); /* a connection is over: there is room for another */
};

/* Takes the next connection of @listener. Returns 0 or -errno; a peer with too many connections is answered and
 * closed, which is 0 too. */
int http_req_accept(struct http_service *s, uv_stream_t *listener);
/* Closes connections whose phase has lasted too long. */
void http_req_sweep(struct http_service *s);
/* Closes all. */
void http_req_close_all(struct http_service *s);
/* Notes that a limit of the whole server refused something. */
void http_service_overload(struct http_service *s, enum http_refusal why);
