/*
 * HTTP calls to others, by libcurl's multi interface on the loop: kept-alive connections, time and size
 * limits, no redirects, http and https only, certificates verified, no proxy from the environment.
 */
#pragma once

#include "common/io/http_exchange.h"
#include "common/io/loop.h"

struct http_client;
struct http_call;

/* @max_connections: at once, over all hosts; further calls queue inside and their timeout runs meanwhile. */
int http_client_open(struct loop *l, int max_connections, struct http_client **ret);
/* Before the first call; once. Texts are borrowed. A file that is no PEM makes every https call fail with
 * HTTP_E_CONNECT. */
void http_client_set_peer(struct http_client *c, const struct http_client_peer *peer);
/* Cancels the calls in flight (callbacks fire with HTTP_E_CANCELLED before this returns), then frees. NULL is
 * nothing. */
void http_client_close(struct http_client *c);

/*
 * Starts a call. All of @req is copied. @done fires exactly once, never before http_call() has returned, in
 * the loop's thread; @answer lives until it returns. @ret_call may be NULL; it is valid until @done fires.
 * Returns 0, -ENOMEM, -EINVAL (URL or header with a line break), -ESHUTDOWN (the client is being closed).
 */
int http_call(struct http_client *c, const struct http_request *req,
              void (*done)(void *ctx, const struct http_answer *answer), void *ctx,
              struct http_call **ret_call);
void http_call_cancel(struct http_call *call); /* done fires with HTTP_E_CANCELLED, later in the loop */
