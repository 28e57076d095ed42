/*
 * A body in chunks (RFC 9112, 7.1), read strictly: digits in hexadecimal, CRLF behind each line and each
 * chunk. Extensions and trailers are read over. Pure: bytes in, pieces of the body out.
 */
#pragma once

#include <stdint.h>

#include "common/io/http_head.h"

/* Bytes of one line of sizes or trailers, and of all trailers together. */
#define HTTP_CHUNK_LINE_MAX 1024
#define HTTP_TRAILERS_MAX   4096

struct http_chunked {
    enum {
        CHUNK_SIZE,      /* digits */
        CHUNK_EXTENSION, /* behind the digits, up to CR */
        CHUNK_SIZE_LF,
        CHUNK_DATA,
        CHUNK_DATA_CR,
        CHUNK_DATA_LF,
        CHUNK_TRAILER, /* a line behind the last chunk; an empty one is the end */
        CHUNK_TRAILER_LF,
        CHUNK_END,
    } state;
    int64_t left;      /* of the chunk */
    int digits;        /* of its size */
    int line, trailer; /* bytes of this line, and of all trailers */
};
#define HTTP_CHUNKED_NULL ((struct http_chunked){ 0 })

/*
 * Takes bytes from @io up to the next piece of the body. Returns 0 with the piece in *ret (it points into
 * @io's bytes; empty: @io is used up or the body is over, see http_chunked_is_over()), or 1 and
 * *ret_fault.
 */
int http_chunked_next(struct http_chunked *c, struct str *io, struct str *ret, struct http_fault *ret_fault);
bool http_chunked_is_over(const struct http_chunked *c);
