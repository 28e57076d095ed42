/* Recordings of tests/fixtures/zapw as values: status or headers, and body. */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <setjmp.h>

#include <cmocka.h>

#include "common/base/text.h"

struct fixture {
    char *bytes;
    struct str head, body;
    int status; /* of an answer; 0 for a request */
};

static inline struct fixture fixture_load(const char *name)
{
    struct fixture f = { 0 };
    char path[256];
    size_t n;
    char *gap;
    FILE *file;

    (void)snprintf(path, sizeof path, "tests/fixtures/zapw/%s.http", name);
    file = fopen(path, "rb");
    if (!file)
        fail_msg("cannot open %s", path);
    f.bytes = calloc(1, 64 * 1024);
    n = fread(f.bytes, 1, 64 * 1024 - 1, file);
    (void)fclose(file);
    gap = strstr(f.bytes, "\r\n\r\n");
    assert_non_null(gap);
    f.head = (struct str){ f.bytes, (size_t)(gap - f.bytes) };
    f.body = (struct str){ gap + 4, n - (size_t)(gap + 4 - f.bytes) };
    if (strncmp(f.bytes, "HTTP/1.1 ", 9) == 0)
        f.status = (int)strtol(f.bytes + 9, NULL, 10);
    return f;
}

static inline void fixture_free(struct fixture *f)
{
    free(f->bytes);
}

/* For webhook_request.header, with the fixture as ctx. */
static inline struct str fixture_header(void *ctx, const char *name)
{
    const struct fixture *f = ctx;
    const char *p = f->head.p, *end = p + f->head.n;
    size_t n = strlen(name);

    for (; p && p < end; p = memchr(p, '\n', (size_t)(end - p)), p = p ? p + 1 : p) {
        const char *eol = memchr(p, '\r', (size_t)(end - p));

        if ((size_t)(end - p) > n && strncasecmp(p, name, n) == 0 && p[n] == ':')
            return (struct str){ p + n + 2, (size_t)((eol ? eol : end) - p) - n - 2 };
    }
    return STR_NULL;
}
