#include "common/store/postgres/address.h"

#include <errno.h>
#include <libpq-fe.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define ENCODE                                                                                             \
    "a sign of its user or password has to be written as %XX (@ is %40, / is %2F, % is %25, & is %26); a " \
    "password "                                                                                            \
    "is better kept in ZAPKEEP_STORE_PASSWORD_FILE"

static const char *after_scheme(const char *where)
{
    const char *p = strstr(where, "://");

    return p ? p + 3 : where;
}

/* An '@' beside the one between user and host, in front of the parameters. */
static bool has_stray_at(const char *where)
{
    const char *rest = after_scheme(where);
    const char *at = memchr(rest, '@', strcspn(rest, "/"));
    const char *from = at ? at + 1 : rest;

    return memchr(from, '@', strcspn(from, "?")) != NULL;
}

static bool may_hold_password(const char *where)
{
    const char *rest = after_scheme(where);
    const char *at = strchr(rest, '@');

    return strstr(where, "password") || (at && memchr(rest, ':', (size_t)(at - rest)));
}

static bool ports_are_numbers(const PQconninfoOption *options)
{
    for (const PQconninfoOption *o = options; o->keyword; o++) {
        if (strcmp(o->keyword, "port") == 0 && o->val && o->val[strspn(o->val, "0123456789,")] != '\0')
            return false;
    }
    return true;
}

static int check_parsed(const char *where, char *ret_why, size_t n)
{
    char *problem = NULL;
    PQconninfoOption *options = PQconninfoParse(where, &problem);
    int r = options && ports_are_numbers(options) ? 0 : -EINVAL;

    if (options && r != 0)
        (void)snprintf(ret_why, n, "a port is no number: postgresql://user@host:port/database");
    else if (r != 0 && may_hold_password(where)) /* libpq shows the part that it cannot read */
        (void)snprintf(ret_why, n, "%s", ENCODE);
    else if (r != 0)
        (void)snprintf(ret_why, n, "%.*s", problem ? (int)strcspn(problem, "\n") : 0, problem ? problem : "");
    PQfreemem(problem);
    PQconninfoFree(options);
    return r;
}

int pg_address_check(const char *where, char *ret_why, size_t n)
{
    if (!has_stray_at(where))
        return check_parsed(where, ret_why, n);
    (void)snprintf(ret_why, n, "%s", ENCODE);
    return -EINVAL;
}
