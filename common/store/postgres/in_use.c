#include "common/store/postgres/in_use.h"

#include <errno.h>
#include <stdio.h>

#include "common/store/postgres/connection.h"

/* Beside those of the schema (100) and of the partitions (101). */
#define LOCK "2053206123, 102"

/* The text in the first row; "": there is none. */
static int ask(struct pg_db *d, const char *sql, char *ret, size_t n)
{
    PGresult *res = NULL;
    int r = pg_ask(d, sql, &res);

    if (r == 0)
        (void)snprintf(ret, n, "%s", PQntuples(res) > 0 ? PQgetvalue(res, 0, 0) : "");
    PQclear(res);
    return r;
}

int pg_in_use_share(struct pg_db *d)
{
    char taken[8] = "";
    int r = ask(d, "SELECT pg_try_advisory_lock_shared(" LOCK ")", taken, sizeof taken);

    return r == 0 && taken[0] != 't' ? -EINPROGRESS : r;
}

int pg_in_use_alone(struct pg_db *d, char *ret_who, size_t n)
{
    char taken[8] = "";
    int r = ask(d, "SELECT pg_try_advisory_lock(" LOCK ")", taken, sizeof taken);

    if (r != 0 || taken[0] == 't')
        return r;
    r = ask(d,
            "SELECT string_agg(DISTINCT application_name || coalesce(' at ' || host(client_addr), ''), ', ')"
            " FROM pg_stat_activity JOIN pg_locks USING (pid) WHERE locktype = 'advisory' AND objid = 102"
            " AND pid <> pg_backend_pid() AND datname = current_database()",
            ret_who, n);
    return r == 0 ? PG_IN_USE : r;
}
