#include "common/store/postgres/password.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static char given[PG_PASSWORD_MAX]; /* a copy: the settings may go first */
static const char *from;

/* The one line of the file; false when it cannot be read, or is empty, as while somebody writes it. */
static bool read_line(const char *path, char ret[PG_PASSWORD_MAX])
{
    FILE *f = fopen(path, "re");
    size_t n = f ? fread(ret, 1, PG_PASSWORD_MAX - 1, f) : 0;

    if (f)
        (void)fclose(f);
    ret[n] = '\0';
    ret[strcspn(ret, "\r\n")] = '\0';
    return *ret != '\0';
}

void pg_set_password(const char *value, const char *file)
{
    char line[PG_PASSWORD_MAX];

    (void)snprintf(given, sizeof given, "%s", value);
    /* A flag comes before the file. */
    from = file && read_line(file, line) && strcmp(line, value) == 0 ? file : NULL;
}

const char *pg_password(char ret[PG_PASSWORD_MAX])
{
    if (!from || !read_line(from, ret))
        (void)snprintf(ret, PG_PASSWORD_MAX, "%s", given);
    return ret;
}
