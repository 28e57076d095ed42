/*
 * The header of one HTTP/1.1 request, read strictly. A form that two programs could read differently is
 * refused, because a proxy in front may have read it the other way: two Content-Lengths, Content-Length with
 * Transfer-Encoding, white space before a colon, folded lines, a bare LF or CR, NUL, two Hosts. Pure: bytes
 * in, values that point into them out.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/text.h"

/* Fields of one header. Senders of webhooks have ten, proxies add ten more. */
#define HTTP_FIELDS_MAX 64
/* Places in a header are kept in 16 bits. */
#define HTTP_HEAD_BYTES_MAX 65535

struct http_field {
    uint16_t name, name_n, value, value_n; /* places in the header */
};

struct http_head {
    const char *bytes;
    struct str method;
    struct str path;  /* begins with '/', or is "*"; as it was sent */
    struct str query; /* without '?'; STR_NULL: none */
    struct str host;  /* with its port; of an absolute target, else of the field Host; STR_NULL: none */
    struct http_field fields[HTTP_FIELDS_MAX];
    int n_fields;
    int64_t length; /* of the body; 0 with chunks */
    bool chunked;
    bool keep_alive;
    bool expects_continue;
};

/* Why a header or a chunk is refused. */
struct http_fault {
    int status;         /* 400, 413, 414, 417, 431, 501 or 505 */
    const char *detail; /* static text */
};

/*
 * Looks for the end of the header in the first @n bytes; the first *io_scanned of them were looked at before.
 * Returns 0 and *ret_end, the length of the header with its empty line (0: not complete yet), or 1 and
 * *ret_fault as soon as a byte is there that no header may have.
 */
int http_head_scan(const char *p, size_t n, size_t *io_scanned, size_t *ret_end,
                   struct http_fault *ret_fault);

/* Reads a whole header of at most HTTP_HEAD_BYTES_MAX bytes, and writes a NUL behind method, path, query, and each
 * name and value, for those who print them. Returns 0, or 1 and *ret_fault. */
int http_head_read(char *bytes, size_t n, struct http_head *ret, struct http_fault *ret_fault);

/* The first field of that name, in any case; STR_NULL: absent. */
struct str http_head_field(const struct http_head *h, const char *name);
