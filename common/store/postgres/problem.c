#include "common/store/postgres/problem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/err.h"
#include "common/store/db.h"
#include "common/store/forward.h"
#include "common/store/postgres/address.h"
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
    char why[256];
    PQconninfoOption *options =
        pg_address_check(where, why, sizeof why) == 0 ? PQconninfoParse(where, NULL) : NULL;
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

const char *pg_part_name(const char *file)
{
    static const struct {
        const char *file, *name;
    } rows[] = {
        { STATE_DB_FILE, "schema zapkeep_state" },
        { EVENTS_DB_FILE, "schema zapkeep_events" },
        { FORWARD_DB_FILE, "schema zapkeep_forward" },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(rows[i].file, file) == 0)
            return rows[i].name;
    }
    return "the database";
}

#define REFUSED                                                                                            \
    "refuses this user: check the user's name, its password (.pgpass or ZAPKEEP_STORE_PASSWORD_FILE) and " \
    "its rights"
#define POOLED                                                                                             \
    "is behind a pooler that gives one session to several: set pool_mode = session in pgbouncer, or name " \
    "the server itself"

/* Says more than the return; the first that matches holds. Texts of the server are in any language, so of those only the codes
 * stand here; the others are libpq's own. */
static const struct {
    const char *words, *text;
} hints[] = {
    { "no encryption",
      "refuses connections without TLS: put sslmode=verify-full&sslrootcert=FILE into ZAPKEEP_STORE" },
    { "certificate verify failed", "has a certificate that sslrootcert of ZAPKEEP_STORE does not vouch for: "
                                   "name the file of its authority" },
    { "does not match host name",
      "has a certificate of another name: use a host name that stands in it, in ZAPKEEP_STORE" },
    { "root certificate file",
      "cannot be verified without sslrootcert: name the file of its authority in ZAPKEEP_STORE" },
    { "does not support SSL", "offers no TLS, which sslmode of ZAPKEEP_STORE demands: set ssl = on there" },
    { "session is read-only",
      "is read-only: a standby, or default_transaction_read_only is on; list all its servers in "
      "ZAPKEEP_STORE, or turn that off" },
    { "no password supplied", REFUSED },
    { PG_SQLSTATE "28P01", REFUSED },
    { PG_SHARED_SESSION, POOLED },
    { PG_SQLSTATE "3D000",
      "has no database of this name: CREATE DATABASE, or correct the name in ZAPKEEP_STORE" },
    { PG_SQLSTATE "42501", "gives this user too few rights: ALTER DATABASE … OWNER TO the user of "
                           "ZAPKEEP_STORE, or GRANT CONNECT, CREATE ON DATABASE … TO it, "
                           "or make the schemas zapkeep, zapkeep_state, zapkeep_events and zapkeep_forward "
                           "for it (CREATE SCHEMA … AUTHORIZATION)" },
    { PG_SQLSTATE "28000",
      "refuses this user from this machine: check the user's name, and pg_hba.conf there "
      "for its address, database and TLS (sslmode of ZAPKEEP_STORE)" },
    { PG_SQLSTATE "53300", "has no connection left: raise max_connections there, or the CONNECTION LIMIT of "
                           "the user or the database" },
    { PG_SQLSTATE "57P03", "is starting, recovering or stopping: wait until it is ready" },
    { PG_SQLSTATE "53200", "is out of memory or of locks: see its log, and raise max_locks_per_transaction "
                           "there if the log asks for it" },
    { PG_SQLSTATE "26000", POOLED },
    { PG_SQLSTATE "42P05", POOLED },
    { PG_SQLSTATE "57014",
      "ended a statement that took too long, or somebody cancelled it: look for load and "
      "for locks (pg_stat_activity, pg_locks)" },
};

static const char *hint_of(const char *detail)
{
    for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++) {
        if (strstr(detail, hints[i].words))
            return hints[i].text;
    }
    return NULL;
}

const char *pg_problem(const char *where, const char *part, int r, char *ret, size_t n)
{
    static const struct {
        int r;
        const char *text;
    } rows[] = {
        { -ENOTCONN, "does not answer: check that the server runs and can be reached from here" },
        { -EACCES, REFUSED },
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
        { -EBADMSG, "lacks rows that zapkeep has made, or has damaged ones: put a backup back" },
        { -ENOTSUP, "is not of a kind that zapkeep can use, which is PostgreSQL 15 or newer with a database "
                    "in UTF8: CREATE DATABASE … "
                    "ENCODING 'UTF8' TEMPLATE template0" },
        { -EPERM, "gave this program's role to another one" },
    };
    char name[200];

    const char *detail = last.r == r ? last.detail : "";
    const char *hint = hint_of(detail);

    (void)part;
    (void)pg_display(where, name, sizeof name);
    if (hint) {
        (void)snprintf(ret, n, "%s %s — %s", name, hint, detail);
        return ret;
    }
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].r == r) {
            (void)snprintf(ret, n, "%s %s%s%s", name, rows[i].text, *detail ? " — " : "", detail);
            return ret;
        }
    }
    (void)snprintf(ret, n, "%s cannot be used: %s", name, *detail ? detail : err_text(r));
    return ret;
}
