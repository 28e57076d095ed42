/*
 * HTTP calls to others, by libcurl's multi interface on the loop: kept-alive connections, time and size
 * limits, no redirects, http and https only, certificates verified, no proxy from the environment.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/text.h"
#include "common/io/loop.h"

#define HTTP_CONNECT_TIMEOUT_MS (5 * 1000)
#define HTTP_CALL_TIMEOUT_MS    (30 * 1000)
/* A list of 10,000 zapw sessions with a QR code each stays under 32 MiB; more is not an answer but an
 * accident. */
#define HTTP_ANSWER_BYTES_MAX (32 * 1024 * 1024)

struct http_client;
struct http_call;

struct http_request {
    const char *method; /* "GET", … */
    const char *url;
    const char *headers; /* "Name: value\n" lines, or NULL */
    struct str body;     /* STR_NULL: none; sent with the caller's Content-Type or application/json */
    int64_t connect_timeout_ms, timeout_ms; /* 0: the defaults above */
    int64_t answer_bytes_max;               /* 0: the default above */
    const char *unix_socket; /* path of a Unix socket to connect to instead, or NULL (docker) */
    bool once; /* it asks for something to be done: never sent again by itself, as libcurl does with a request
                  for which a kept connection has died; so it has a connection of its own */
    bool http2;       /* try HTTP/2: ALPN over https, prior knowledge never */
    bool public_only; /* no connection to an address that is private, loopback, link-local, multicast …: for a
                         target that no operator wrote. Checked on the resolved address. All calls of one
                         client that share a host must say the same: connections are shared. */
};

enum http_error {
    HTTP_OK = 0,
    HTTP_E_CONNECT, /* could not connect (refused, no route, TLS failed) */
    HTTP_E_RESOLVE, /* the name is unknown */
    HTTP_E_TIMEOUT,
    HTTP_E_TOO_BIG, /* the answer exceeds answer_bytes_max */
    HTTP_E_BROKEN,  /* closed in mid-answer, not HTTP */
    HTTP_E_URL,     /* the URL makes no sense */
    HTTP_E_CANCELLED,
    HTTP_E_PRIVATE, /* public_only, and the address is not */
};
const char *http_error_text(enum http_error e);

/* A month: longer is as good as never, and in no unit does it overflow. */
#define HTTP_RETRY_AFTER_MAX_S (30 * 24 * 3600)

struct http_answer {
    enum http_error error;
    int status;              /* 0 when no answer came; also set with HTTP_E_TOO_BIG */
    struct str content_type; /* lower case not guaranteed; STR_NULL when absent */
    struct str body;         /* with HTTP_E_TOO_BIG its beginning */
    int64_t
        retry_after_s; /* from Retry-After (a date is in the past: 0), at most HTTP_RETRY_AFTER_MAX_S; -1 when
                                absent */
    int64_t took_ms;   /* from http_call() to now */
    int64_t sent_ms;   /* from http_call() until the request went out; -1: it never did */
    char detail[128];  /* libcurl's words on a failure, no secrets */
};

/* @max_connections: at once, over all hosts; further calls queue inside and their timeout runs meanwhile. */
int http_client_open(struct loop *l, int max_connections, struct http_client **ret);
/* How the peer is reached and known. NULL or "": as by default. */
struct http_peer {
    const char *ca_file;   /* PEM: https certificates are held against those alone, not the system's */
    const char *cert_file; /* PEM: our certificate for a server that asks for one */
    const char *key_file;  /* its key; NULL: in the same file */
    const char *proxy;     /* http://host:port */
};
/* Before the first call; once. Texts are borrowed. A file that is no PEM makes every https call fail with
 * HTTP_E_CONNECT. */
void http_client_set_peer(struct http_client *c, const struct http_peer *peer);
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
