/*
 * Writing JSON. (Reading is json_in.h.) The writer puts commas and escapes; the caller
 * opens and closes. Invalid UTF-8 in a text becomes U+FFFD; unsafe characters (clean.h) are written as \u.
 * Errors stick in the buf.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/text.h"

struct json_out {
    struct buf *buf;
    bool comma; /* the next value needs one before it */
};
#define JSON_OUT(b) ((struct json_out){ .buf = (b) })

/* @key is NULL inside an array and at the top. */
void json_open(struct json_out *j, const char *key, char bracket); /* '{' or '[' */
void json_close(struct json_out *j, char bracket);                 /* '}' or ']' */
void json_text(struct json_out *j, const char *key, struct str v); /* STR_NULL writes null */
void json_texts(struct json_out *j, const char *key, const char *v);
void json_int(struct json_out *j, const char *key, int64_t v);
void json_bool(struct json_out *j, const char *key, bool v);
void json_raw(struct json_out *j, const char *key, struct str json); /* as it is: must be JSON */
/* Appends JSON with the white space between tokens dropped, so that it is one line, and with unsafe
 * characters (clean.h) written as \u. @json must be JSON. */
void json_compact(struct buf *out, struct str json);
