/* A call to others as values: the request, its answer, and how the peer is reached. http_client.h makes the calls. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/text.h"

#define HTTP_CONNECT_TIMEOUT_MS (5 * 1000)
#define HTTP_CALL_TIMEOUT_MS    (30 * 1000)
/* A list of 10,000 zapw sessions with a QR code each stays under 32 MiB; more is not an answer but an
 * accident. */
#define HTTP_ANSWER_BYTES_MAX (32 * 1024 * 1024)

struct http_request {
    const char *method; /* "GET", … */
    const char *url;
    const char *headers; /* "Name: value\n" lines, or NULL */
    struct str body;     /* STR_NULL: none; sent with the caller's Content-Type or application/json */
    int64_t connect_timeout_ms, timeout_ms; /* 0: the defaults above */
    int64_t answer_bytes_max;               /* 0: the default above */
    const char *unix_socket; /* path of a Unix socket to connect to instead, or NULL (docker) */
    bool once; /* it asks for something to be done: never sent again by itself, as libcurl does with a request
                  for which a kept connection has died; so it has a connection of its own. It has left within
                  connect_timeout_ms of http_call(), or never does, however long the loop was busy */
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
    /* from Retry-After (a date is in the past: 0), at most HTTP_RETRY_AFTER_MAX_S; -1 when
                                absent */
    int64_t retry_after_s;
    int64_t took_ms;  /* from http_call() to now */
    int64_t sent_ms;  /* from http_call() until the request went out; -1: it never did */
    char detail[128]; /* libcurl's words on a failure, cleaned (common/base/clean.h), no secrets */
};

/* How the peer is reached and known. NULL or "": as by default. */
struct http_client_peer {
    const char *ca_file;   /* PEM: https certificates are held against those alone, not the system's */
    const char *cert_file; /* PEM: our certificate for a server that asks for one */
    const char *key_file;  /* its key; NULL: in the same file */
    const char *proxy;     /* http://host:port */
};
