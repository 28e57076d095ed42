/*
 * The bytes of an answer. Pure but for the date, which its owner keeps.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/text.h"

/* The field Date, made anew each second. Zero-initialised. */
struct http_date {
    int64_t second;
    char text[32];
};

struct http_reply {
    int status;
    const char *content_type; /* NULL: none */
    struct str body;
    /* "Name: value\n" lines, or NULL. A Content-Length among them replaces ours. */
    const char *extra_headers;
    bool without_body; /* to HEAD: the header only, with the length of the body */
    bool until_close;  /* a stream: no length, the connection's end is its end */
    bool close;        /* says that the connection ends; also when @extra_headers says so */
};

/* Returns the bytes (mem_free) and their number, NULL when memory is short. *io_close becomes true when the
 * answer says that the connection ends. */
char *http_reply_bytes(const struct http_reply *r, struct http_date *date, size_t *ret_n, bool *io_close);

/* The whole answer to a request of which nothing more is read, for callers without one: the JSON error. */
char *http_reply_error(int status, const char *error, const char *detail, struct http_date *date,
                       size_t *ret_n);

/* The word that a JSON error of this status begins with. */
const char *http_reply_error_name(int status);
