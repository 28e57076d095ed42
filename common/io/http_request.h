/*
 * One connection of the HTTP server and its request of the moment (struct http_req): the
 * flow from bytes to the handler and from the answer to bytes.
 */
#pragma once

#include "common/base/list.h"
#include "common/io/http_handlers.h"
#include "common/io/http_quota.h"
#include "common/io/http_reply.h"
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
    struct list turns;       /* connections whose next request waits for the next pass of the loop */
    struct timer *next_pass; /* set while there are some */
    int pending;             /* requests with the handler */
    bool closing;            /* answers say that the connection ends */
    int64_t overloaded_ms; /* loop time, when a limit of the whole server last refused something; 0: never */
    enum http_refusal overload;
    void (*on_left)(struct http_service *s); /* a connection is over: there is room for another */
};

/* The connection of a request: made first, because the wire needs it as the ctx of these events. */
extern const struct wire_events http_req_events;
struct http_req *http_req_new(void);    /* NULL when memory is short */
void http_req_free(struct http_req *r); /* one that was not started; NULL is nothing */
/* From here on it is one of the connections of @s, which end by themselves. Takes wire and peer over. */
void http_req_start(struct http_req *r, struct http_service *s, struct wire *w, struct http_peer *p);
/* The timer of next_pass: each connection that waits gets one request. */
void http_req_next_pass(void *service);
/* Closes connections whose phase has lasted too long. */
void http_req_sweep(struct http_service *s);
/* Closes all. */
void http_req_close_all(struct http_service *s);
/* Notes that a limit of the whole server refused something. */
void http_service_overload(struct http_service *s, enum http_refusal why);
