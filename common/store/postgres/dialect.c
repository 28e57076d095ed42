#include "common/store/postgres/dialect.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/utf8.h"

#define INDEXED_BY " INDEXED BY "
/* The only table whose name several parts have; all others are found by the path (schema.c). */
#define OF_SEVERAL "meta"

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

static bool is_letter(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '.';
}

static bool is_of_several(const char *sql, const char *p)
{
    size_t n = sizeof OF_SEVERAL - 1;

    return strncmp(p, OF_SEVERAL, n) == 0 && !is_letter(p[n]) && (p == sql || !is_letter(p[-1]));
}

/* The text grows by so much at most: "?" becomes "$48", beside a comma and a space. */
static size_t room_for(const char *sql, const char *schema)
{
    size_t n = strlen(sql) * 2 + 16;

    for (const char *p = sql; *p; p++)
        n += is_of_several(sql, p) ? strlen(schema) + 1 : 0;
    return n;
}

char *pg_dialect(const char *sql, const char *schema)
{
    char *out = mem_alloc(room_for(sql, schema));
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
        } else if (is_of_several(sql, p)) {
            w += sprintf(w, "%s." OF_SEVERAL, schema);
            p += sizeof OF_SEVERAL - 1;
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
