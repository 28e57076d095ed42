#include "common/store/postgres/dialect.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/utf8.h"

#define INDEXED_BY " INDEXED BY "

/* Copies a quoted text with its quotes. Returns its bytes. */
static size_t copy_quoted(const char *p, char *ret)
{
    size_t n = 1;

    while (p[n] && p[n] != '\'')
        n++;
    n += p[n] ? 1 : 0;
    memcpy(ret, p, n);
    return n;
}

char *pg_dialect(const char *sql)
{
    size_t n = strlen(sql);
    char *out = mem_alloc(n * 2 + 16); /* "?" becomes "$48" at most, beside a comma and a space */
    char *w = out;
    int next = 1;

    if (!out)
        return NULL;
    for (const char *p = sql; *p;) {
        if (*p == '\'') {
            size_t quoted = copy_quoted(p, w);

            p += quoted;
            w += quoted;
        } else if (*p == '?') {
            p++;
            if (isdigit((unsigned char)*p))
                *w++ = '$';
            else
                w += sprintf(w, "$%d", next++);
        } else if (strncmp(p, INDEXED_BY, sizeof INDEXED_BY - 1) == 0) {
            p += sizeof INDEXED_BY - 1;
            p += strcspn(p, " ,)");
        } else {
            *w++ = *p++;
        }
    }
    *w = '\0';
    return out;
}

size_t pg_clean_text(struct str text, char *ret)
{
    size_t out = 0;

    for (size_t i = 0; i < text.n;) {
        size_t len = text.p[i] == '\0' ? 0 : utf8_length((const unsigned char *)text.p + i, text.n - i);

        if (len == 0) {
            ret[out++] = '?';
            i++;
            continue;
        }
        memcpy(ret + out, text.p + i, len);
        out += len;
        i += len;
    }
    return out;
}
