#include "common/store/postgres/problem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/err.h"
#include "common/store/postgres/connection.h"

static _Thread_local struct {
    int r;
    char detail[256];
} last;

void pg_problem_keep(int r, const char *detail)
{
    last.r = r;
    (void)snprintf(last.detail, sizeof last.detail, "%s", r != 0 && detail ? detail : "");
}

const char *pg_display(const char *where, char *ret, size_t n)
{
    PQconninfoOption *options = PQconninfoParse(where, NULL);
    const char *host = NULL, *database = NULL, *service = NULL;

    for (PQconninfoOption *o = options; o && o->keyword; o++) {
        host = strcmp(o->keyword, "host") == 0 ? o->val : host;
        database = strcmp(o->keyword, "dbname") == 0 ? o->val : database;
        service = strcmp(o->keyword, "service") == 0 ? o->val : service;
    }
    (void)snprintf(ret, n, "postgresql://%s%s%s",
                   service ? service
                   : host  ? host
                           : "",
                   database ? "/" : "", database ? database : "");
    PQconninfoFree(options);
    return ret;
}

bool pg_has_password(const char *where)
{
    PQconninfoOption *options = PQconninfoParse(where, NULL);
    bool found = false;

    for (PQconninfoOption *o = options; o && o->keyword; o++)
        found = found || (strcmp(o->keyword, "password") == 0 && o->val && *o->val);
    PQconninfoFree(options);
    return found;
}

const char *pg_problem(const char *where, const char *part, int r, char *ret, size_t n)
{
    static const struct {
        int r;
        const char *text;
    } rows[] = {
        { -ENOTCONN, "does not answer: check that the server runs and can be reached from here" },
        { -EACCES, "refuses this user: check the user's name, its password (.pgpass or "
                   "ZAPKEEP_STORE_PASSWORD_FILE) and "
                   "its rights" },
        { -ENOENT, "has no tables of zapkeep: run zapkeep store init" },
        { -EPROTOTYPE, "was written by an older zapkeep: run zapkeep store upgrade" },
        { -EPROTONOSUPPORT, "was written by a newer zapkeep: start that version" },
        { -EROFS, "is read-only, a standby: list all its servers in ZAPKEEP_STORE" },
        { -EAGAIN, "is busy, a lock was not to be had in time: look for a transaction that stays open" },
        { -ENOSPC, "is full: make room on the server" },
        { -EINVAL,
          "has an address that is not understood: ZAPKEEP_STORE is postgresql://user@host/database" },
        { -EINPROGRESS, "is the target of a move that did not end, or is being moved now: run zapkeep store "
                        "migrate again (it starts anew), or wait until it ends" },
        { -EPERM, "gave this program's role to another one" },
    };
    char name[200];

    (void)part;
    (void)pg_display(where, name, sizeof name);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].r == r) {
            (void)snprintf(ret, n, "%s %s%s%s", name, rows[i].text, last.r == r && *last.detail ? " — " : "",
                           last.r == r ? last.detail : "");
            return ret;
        }
    }
    (void)snprintf(ret, n, "%s cannot be used: %s", name, err_text(r));
    return ret;
}
