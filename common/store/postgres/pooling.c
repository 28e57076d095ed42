/*
 * A pooler answers for the server, also with a process number for cancelling, which is not that of the session; so a connection
 * without a pooler is known by one query. Behind a pooler a second connection holds a transaction open: if the first one changes its
 * session by that, the session was given to the second. A pooler gives the session that was used last, so a few tries are enough.
 */
#include "common/store/postgres/pooling.h"

#include <errno.h>
#include <stdlib.h>

#include "common/store/postgres/connection.h"

#define TRIES 3
/* A pool with session pooling may have no session left for the second connection, which then waits in vain. */
#define SECOND_MS 1000

static int ask_session(struct pg_db *d, int *ret_pid)
{
    PGresult *res = NULL;
    int r = pg_ask(d, "SELECT pg_backend_pid()", &res);

    *ret_pid = r == 0 && PQntuples(res) > 0 ? (int)strtol(PQgetvalue(res, 0, 0), NULL, 10) : 0;
    PQclear(res);
    return r;
}

static bool run(struct pg_db *d, const char *sql)
{
    PGresult *res = NULL;
    bool done = PQsendQuery(d->conn, sql) == 1 && pg_result(d, SECOND_MS, &res) == 0;

    PQclear(res);
    return done;
}

/* Does @d have another session while @second has a transaction? */
static int try_once(struct pg_db *d, struct pg_db *second)
{
    int before = 0, now = 0;
    int r = ask_session(d, &before);

    if (r != 0 || !run(second, "BEGIN; SELECT 1"))
        return r;
    r = ask_session(d, &now);
    (void)run(second, "ROLLBACK");
    return r != 0 ? r : before != now;
}

int pg_pooling_ask(struct pg_db *d, bool *ret_pooled)
{
    int pid = 0;
    int r = ask_session(d, &pid);

    *ret_pooled = r == 0 && pid != PQbackendPID(d->conn);
    return r;
}

int pg_pooling_check(struct pg_db *d, struct pg_db *second)
{
    int r = 0;

    for (int i = 0; r == 0 && i < TRIES && pg_is_usable(second); i++)
        r = try_once(d, second);
    if (r <= 0)
        return r;
    pg_keep_error(d, PG_SHARED_SESSION);
    return -EPROTO;
}
