#include "tests/fuzz/input.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

void input_broke(const char *truth, const char *file, int line)
{
    (void)fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, truth);
    abort();
}

struct str input_until(struct str *rest, const char *end)
{
    const char *at = rest->n ? memmem(rest->p, rest->n, end, strlen(end)) : NULL;
    struct str taken = at ? (struct str){ rest->p, (size_t)(at - rest->p) } : *rest;
    size_t gone = at ? taken.n + strlen(end) : taken.n;

    *rest = (struct str){ rest->p + gone, rest->n - gone };
    return taken;
}

bool input_has(struct str bytes, const char *text)
{
    return bytes.n && memmem(bytes.p, bytes.n, text, strlen(text)) != NULL;
}

char *input_copy(struct str s)
{
    char *copy = malloc(s.n + 1);

    MUST(copy);
    if (s.n)
        memcpy(copy, s.p, s.n);
    copy[s.n] = '\0';
    return copy;
}

bool input_same(const void *a, const void *b, size_t n)
{
    return memcmp(a, b, n) == 0;
}

static struct str header(void *ctx, const char *name)
{
    struct str rest = *(const struct str *)ctx;
    size_t n = strlen(name);

    while (rest.n) {
        struct str line = input_until(&rest, "\n");

        if (line.n >= n + 2 && strncasecmp(line.p, name, n) == 0 && memcmp(line.p + n, ": ", 2) == 0)
            return (struct str){ line.p + n + 2, line.n - n - 2 };
    }
    return STR_NULL;
}

void input_request(struct str bytes, struct input_request *ret)
{
    ret->headers = bytes.n && bytes.p[0] == '\n' ? input_until(&bytes, "\n") : input_until(&bytes, "\n\n");
    ret->request = (struct webhook_request){ .body = bytes, .header = header, .ctx = &ret->headers };
}
