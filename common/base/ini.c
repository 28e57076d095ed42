#include "common/base/ini.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/err.h"

int ini_problem(struct ini *ini, const char *at, const char *fmt, ...)
{
    va_list ap;

    (void)buf_addf(ini->problem, "%s:%d:%d: ", ini->file, ini->line_n, at ? (int)(at - ini->line) + 1 : 1);
    va_start(ap, fmt);
    (void)buf_vaddf(ini->problem, fmt, ap);
    va_end(ap);
    return -EINVAL;
}

struct str ini_trim(struct str s)
{
    while (s.n > 0 && isspace((unsigned char)s.p[0]))
        s = (struct str){ s.p + 1, s.n - 1 };
    while (s.n > 0 && isspace((unsigned char)s.p[s.n - 1]))
        s.n--;
    return s;
}

int ini_section_name(struct ini *ini, struct str inside, const char *kind, int max, struct str *ret)
{
    size_t n = strlen(kind);
    struct str name;

    if (!str_starts(inside, kind) || (inside.n > n && !isspace((unsigned char)inside.p[n])))
        return ini_problem(ini, inside.p, "unknown section; allowed is [%s NAME]", kind);
    name = ini_trim((struct str){ inside.p + n, inside.n - n });
    if (!text_is_id(name) || name.n > (size_t)max)
        return ini_problem(ini, name.p, "a %s needs a name of 1 to %d of A-Z a-z 0-9 _ -", kind, max);
    *ret = name;
    return 0;
}

/* ---- one line -------------------------------------------------------------------------------- */

static int take_section(struct ini *ini, struct str line)
{
    if (line.p[line.n - 1] != ']')
        return ini_problem(ini, line.p + line.n, "a section ends with ]");
    ini->in_section = true;
    return ini->on_section(ini->ctx, ini, ini_trim((struct str){ line.p + 1, line.n - 2 }));
}

static int take_key(struct ini *ini, struct str line)
{
    const char *equals = memchr(line.p, '=', line.n);
    struct str name = ini_trim((struct str){ line.p, equals ? (size_t)(equals - line.p) : line.n });
    char value[INI_VALUE_MAX];
    struct str v;

    if (!ini->in_section)
        return ini_problem(ini, line.p, "a key outside of a section");
    if (!equals)
        return ini->on_key(ini->ctx, ini, name, NULL, line.p + line.n);
    v = ini_trim((struct str){ equals + 1, line.n - (size_t)(equals + 1 - line.p) });
    if (v.n >= sizeof value)
        return ini_problem(ini, equals + 1, "the value is longer than %d bytes", INI_VALUE_MAX - 1);
    for (size_t i = 0; i < v.n; i++) {
        if (iscntrl((unsigned char)v.p[i]))
            return ini_problem(ini, v.p + i, "a control character");
    }
    str_copy(v, value, sizeof value);
    return ini->on_key(ini->ctx, ini, name, value, v.n > 0 ? v.p : equals + 1);
}

/* A comment begins the line, or has white space before it: a URL may hold a '#'. */
static struct str without_comment(struct str line)
{
    for (size_t i = 0; i < line.n; i++) {
        if (line.p[i] == '#' && (i == 0 || isspace((unsigned char)line.p[i - 1])))
            return (struct str){ line.p, i };
    }
    return line;
}

static int take_line(struct ini *ini, struct str line)
{
    struct str s = ini_trim(without_comment(line));

    ini->line = line.p;
    ini->line_n++;
    if (s.n == 0)
        return 0;
    return s.p[0] == '[' ? take_section(ini, s) : take_key(ini, s);
}

int ini_read(struct ini *ini, struct str text)
{
    int r = 0;

    while (r == 0 && text.n > 0) {
        const char *end = memchr(text.p, '\n', text.n);
        size_t n = end ? (size_t)(end - text.p) : text.n;

        r = take_line(ini, (struct str){ text.p, n });
        n += end != NULL;
        text = (struct str){ text.p + n, text.n - n };
    }
    return r;
}

/* ---- the file -------------------------------------------------------------------------------- */

int ini_read_file(const char *name, const char *file, struct buf *text, struct buf *problem)
{
    char chunk[4096];
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : 0;

    while (fd >= 0 && (n = read(fd, chunk, sizeof chunk)) > 0 && buf_add(text, chunk, (size_t)n) == 0)
        ;
    if (n < 0)
        (void)buf_addf(problem, "%s: cannot read %s: %s", name, file, err_text(-errno));
    else if (buf_error(text) == -EMSGSIZE)
        (void)buf_addf(problem, "%s: %s is longer than %zu bytes", name, file, text->max);
    if (fd >= 0)
        (void)close(fd);
    return n < 0 || buf_error(text) == -EMSGSIZE ? -EINVAL : buf_error(text);
}

/* Why the @n bytes at @text are no secret of one line; NULL: they are one, and @text is cut to it. */
static const char *problem_of_secret(char *text, size_t n)
{
    size_t line = strcspn(text, "\r\n");

    if (n == INI_VALUE_MAX)
        return "is too long for a secret";
    if (line + strspn(text + line, "\r\n") != n)
        return "has more than one line; a secret is one line";
    text[line] = '\0';
    for (const char *c = text; *c; c++) {
        if (iscntrl((unsigned char)*c))
            return "has a control character in it";
    }
    return text[strspn(text, " ")] ? NULL : "is empty; its line has to be the value";
}

int ini_secret_file(struct ini *ini, const char *at, const char *file, char ret[INI_VALUE_MAX])
{
    char text[INI_VALUE_MAX + 1];
    const char *problem;
    FILE *f = fopen(file, "re");
    size_t n = f ? fread(text, 1, INI_VALUE_MAX, f) : 0;

    if (!f || ferror(f)) {
        int r = ini_problem(ini, at, "cannot read %s: %s", file, err_text(f ? -EIO : -errno));

        if (f)
            (void)fclose(f);
        return r;
    }
    (void)fclose(f);
    text[n] = '\0';
    problem = problem_of_secret(text, n);
    if (problem)
        return ini_problem(ini, at, "%s %s", file, problem);
    memcpy(ret, text, strlen(text) + 1);
    return 0;
}
