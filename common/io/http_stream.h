/*
 * A streaming answer of the HTTP server: the header at once, then bytes as they come, for as long as the peer reads
 * (server-sent events). It has no length: its end is the end of the connection.
 *
 * Bytes that the peer has not taken yet wait in memory, within a limit. A sender that gets HTTP_STREAM_FULL suspends
 * itself until on_room. A peer that takes nothing for stall_ms while bytes wait is cut, so a reader that stalls costs a
 * limited number of bytes for a limited time.
 */
#pragma once

#include <stdint.h>

#include "common/base/text.h"

struct http_req;
struct http_stream;

#define HTTP_STREAM_FULL 1 /* answer: there is no room now; nothing was added, on_room follows */

struct http_stream_spec {
    int status;
    const char *content_type;
    const char *extra_headers; /* "Name: value\n" lines or NULL */
    size_t bytes_max;          /* that wait at most */
    int64_t stall_ms;          /* loop time; the connection is cut within a second after it */
    /* After HTTP_STREAM_FULL: half of bytes_max is free. May call http_stream_add() and http_stream_end(). */
    void (*on_room)(void *ctx);
    /* Once, when the connection is gone: the peer left or was cut, or the server closes. The stream is not to be used
     * from then on. It does not fire after http_stream_end(), nor inside http_stream_begin() or http_stream_add(). */
    void (*on_closed)(void *ctx);
    void *ctx;
};

/* Answers the request by a stream. The request is gone for the handler then, its header and body too. Returns 0 or
 * -ENOMEM: the request is still to be answered. */
int http_stream_begin(struct http_req *r, const struct http_stream_spec *spec, struct http_stream **ret);
/* Copies the bytes and sends as much as the peer takes. Returns 0, HTTP_STREAM_FULL, -EMSGSIZE (more than bytes_max at once)
 * or -ENOMEM. */
int http_stream_add(struct http_stream *s, struct str bytes);
/* Bytes that the peer has not taken yet. */
size_t http_stream_waiting(const struct http_stream *s);
/* Ends the answer behind the bytes that wait; the stream is gone for the caller. NULL is nothing. */
void http_stream_end(struct http_stream *s);
