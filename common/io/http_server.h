/*
 * Serving HTTP/1.1 on the loop: strict framing, limits for all and for each peer, time-outs, JSON errors,
 * answers given at once or later.
 *
 * One request: the header is read and held against the limits → on_begin decides → the body is read (only
 * now there is memory for it) → on_request → the handler answers with http_respond(), at once or from a later
 * callback. When a peer goes away first, the request stays valid until it is answered; the answer is dropped.
 */
#pragma once

#include "common/io/http_handlers.h"
#include "common/io/loop.h"

struct http_server;

/* @inherited_fd: a listening socket to use instead of binding (socket activation), or -1.
 * Returns 0, -EADDRINUSE, -EACCES, -EADDRNOTAVAIL, -EINVAL (host), -ENOMEM. */
int http_server_open(struct loop *l, const char *host, uint16_t port, int inherited_fd,
                     const struct http_limits *limits, const struct http_handlers *h, void *ctx,
                     struct http_server **ret);
uint16_t http_server_port(const struct http_server *s); /* the port it got, when 0 was asked */
int http_server_connections(const struct http_server *s);
/* Did a limit of the whole server (not of a peer) refuse something in the last seconds? Returns that limit, or
 * HTTP_REFUSAL_N. */
enum http_refusal http_server_overload(const struct http_server *s);
/* Stops accepting; requests under way go on. */
void http_server_quiesce(struct http_server *s);
int http_server_pending(const struct http_server *s); /* requests handed to on_request and not answered yet */
/* Sends the answers that were just given, then closes everything; unanswered requests are freed (do not
 * answer them later). NULL is nothing. */
void http_server_close(struct http_server *s);
