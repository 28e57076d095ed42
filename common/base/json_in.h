/*
 * Reading JSON without building it: one pass checks the whole text and notes the values at wanted paths.
 * Nothing is allocated and nothing is copied; values point into the text.
 *
 * Why no tree: a body of 1 MiB made of empty objects becomes a tree of 75 MiB, which is not for a sender to
 * decide; a list of 10,000 sessions with a QR code each is 20 MiB of which three fields are wanted; and
 * jansson refuses JSON that is valid and comes in practice: a lone surrogate ("\ud83d", which JSON.stringify
 * makes of half an emoji), a NUL in a key, a number beyond a double. Here all of that is read.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/text.h"

/* Deepest nesting that is read; real webhooks and answers nest under 10. */
#define JSON_IN_DEPTH_MAX 64
#define JSON_IN_PARTS_MAX 6
#define JSON_IN_PATHS_MAX 64

enum json_in_kind {
    JSON_IN_ABSENT, /* no such path */
    JSON_IN_NULL,
    JSON_IN_FALSE,
    JSON_IN_TRUE,
    JSON_IN_NUMBER,
    JSON_IN_TEXT,
    JSON_IN_OBJECT,
    JSON_IN_ARRAY,
};

struct json_value {
    enum json_in_kind kind;
    /* JSON_IN_TEXT: the bytes between the quotes, escapes as they are; else the value's own text */
    struct str raw;
};

/* Where a field may be: keys from the top down, NULL-ended: { FIELD_ID, { "data", "id" } }.
 * { FIELD, { NULL } } is the whole text. Arrays are not entered. Several paths may be of one field. */
struct json_path {
    int field; /* the caller's own number, for json_in_first() */
    const char *part[JSON_IN_PARTS_MAX + 1];
};

enum json_in_answer {
    JSON_IN_BAD = 1,  /* not JSON (RFC 8259), or not UTF-8 */
    JSON_IN_DEEP = 2, /* deeper than JSON_IN_DEPTH_MAX */
};

/*
 * Checks all of @json and fills @ret[i] with the value at @paths[i] (n of them, at most JSON_IN_PATHS_MAX;
 * JSON_IN_ABSENT where there is none; of a key that is there twice, the last). Returns 0 or a json_in_answer;
 * then @ret is all JSON_IN_ABSENT.
 */
int json_in_find(struct str json, const struct json_path *paths, int n, struct json_value *ret);

/* The first of the values that is of this field and kind (JSON_IN_TRUE stands for JSON_IN_FALSE too), or a
 * JSON_IN_ABSENT one. */
struct json_value json_in_first(const struct json_path *paths, const struct json_value *values, int n,
                                int field, enum json_in_kind kind);

/* Calls on_item for each element of an array that json_in_find() gave; its non-zero return stops and is
 * passed up. Nothing for another kind. */
int json_in_each(struct json_value array, int (*on_item)(void *ctx, struct json_value item), void *ctx);

/* The same with json_in_find() for each element in one walk: @ret (n of them) holds the values at @paths
 * below @item when on_item is called. */
int json_in_each_find(struct json_value array, const struct json_path *paths, int n, struct json_value *ret,
                      int (*on_item)(void *ctx, struct json_value item), void *ctx);

/* The text with its escapes undone, at most n bytes with the NUL, cut between code points; "" unless it is
 * JSON_IN_TEXT. A lone surrogate becomes U+FFFD; U+0000 ends the text. Returns @ret. */
char *json_in_text(struct json_value v, char *ret, size_t n);
/* Appends the text likewise; nothing unless it is JSON_IN_TEXT. Returns 0 or the buf's error. */
int json_in_text_add(struct json_value v, struct buf *out);
bool json_in_is(struct json_value v, const char *text);

/* A number without a fraction that fits ("1e3" is one). -EINVAL: no number or with a fraction; -ERANGE. */
int json_in_i64(struct json_value v, int64_t *ret);
