/*
 * Reads a file of sections and keys, and gives file:line:column of an error in it.
 *
 *   # comment
 *   [destination crm]
 *   url = https://crm.example/hooks   # a '#' after white space begins a comment too
 *
 * The caller knows the meaning of sections and keys.
 */
#pragma once

#include "common/base/buf.h"
#include "common/base/text.h"

/* A value and its NUL. */
#define INI_VALUE_MAX 4096
/* Letters of a section's name, as text_is_id() has them. */
#define INI_NAME_MAX 64

struct ini {
    const char *file;    /* for messages */
    struct buf *problem; /* gets one line */
    const char *line;    /* the line that is read, not terminated */
    int line_n;          /* its number, from 1 */
    /* A section begins; @inside is the text between the brackets. Returns 0 or a negative. */
    int (*on_section)(void *ctx, struct ini *ini, struct str inside);
    /* A key of the last section. @value is the text after '=', without white space around it and with a NUL; it is at
     * @at in the line. NULL: there is no '='. Returns 0 or a negative. Not called before the first section. */
    int (*on_key)(void *ctx, struct ini *ini, struct str name, const char *value, const char *at);
    void *ctx;
    bool in_section;
};

/* Returns 0, -EINVAL with a problem, or the failure of a callback. */
int ini_read(struct ini *ini, struct str text);
/* Appends "file:line:column: ..." to the problem; @at is a position in the line, NULL: its beginning.
 * Returns -EINVAL. */
int ini_problem(struct ini *ini, const char *at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The name in a section "@kind NAME": at most @max (INI_NAME_MAX or less) of A-Z a-z 0-9 _ -. Returns 0 or -EINVAL with a problem. */
int ini_section_name(struct ini *ini, struct str inside, const char *kind, int max, struct str *ret);
/* Reads all of a file of up to @text's maximum. Returns 0 or -EINVAL with a problem that begins with @name. */
int ini_read_file(const char *name, const char *file, struct buf *text, struct buf *problem);
/* The one line of a small file that holds a secret, as NAME_FILE of a setting; @at is the file's name in the line.
 * Returns 0, or -EINVAL with a problem. */
int ini_secret_file(struct ini *ini, const char *at, const char *file, char ret[INI_VALUE_MAX]);
/* @s without white space around it. */
struct str ini_trim(struct str s);
