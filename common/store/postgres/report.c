/* The promises of a server, the holders of the roles, and the size of it all: for zapkeep store status. */
#include "common/store/postgres/report.h"

#include <stdio.h>
#include <string.h>

#include "common/store/postgres/connection.h"
#include "common/store/postgres/problem.h"
#include "common/store/postgres/schema.h"

/* name, value, problem ('': none). A 2xx promises that the event survives the death of the server's machine; a weaker
 * setting is a problem. */
static const char sql[] =
    "SELECT 'server', current_setting('server_version'), ''"
    " UNION ALL SELECT 'fsync', current_setting('fsync'), CASE WHEN current_setting('fsync') = 'on' THEN ''"
    "  ELSE 'a power loss takes events that were answered 2xx: set fsync = on' END"
    " UNION ALL SELECT 'full_page_writes', current_setting('full_page_writes'),"
    "  CASE WHEN current_setting('full_page_writes') = 'on' THEN ''"
    "  ELSE 'a power loss may damage the database: set full_page_writes = on' END"
    " UNION ALL SELECT 'synchronous_commit', current_setting('synchronous_commit'),"
    "  CASE WHEN current_setting('synchronous_commit') = 'off'"
    "   THEN 'a crash takes events that were answered 2xx: set synchronous_commit = on'"
    "   WHEN current_setting('synchronous_commit') = 'local' AND "
    "current_setting('synchronous_standby_names') <> ''"
    "   THEN 'a failover takes events that were answered 2xx: set synchronous_commit = on' ELSE '' END"
    " UNION ALL SELECT 'standby ' || application_name, state || ', ' || sync_state ||"
    "   ', behind by ' || pg_size_pretty(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)),"
    "  CASE WHEN sync_state = 'async' AND current_setting('synchronous_standby_names') = ''"
    "   THEN 'a failover to it takes the newest events, also ones answered 2xx: set "
    "synchronous_standby_names' ELSE '' END"
    "  FROM pg_stat_replication"
    " UNION ALL SELECT 'size', pg_size_pretty(pg_database_size(current_database())), ''"
    " UNION ALL SELECT 'oldest transaction', coalesce(date_trunc('second', max(now() - xact_start))::text, "
    "'none'),"
    "  CASE WHEN max(now() - xact_start) > interval '1 hour'"
    "   THEN 'it keeps dead rows alive and slows all down: end it (pg_stat_activity)' ELSE '' END"
    "  FROM pg_stat_activity WHERE state <> 'idle' AND pid <> pg_backend_pid() AND backend_type = 'client "
    "backend'";

static const char roles_sql[] =
    "SELECT 'role ' || name, holder || ' since ' || to_char(since AT TIME ZONE 'UTC', 'YYYY-MM-DD "
    "HH24:MI:SS') ||"
    "  ', fence ' || fence, CASE WHEN until < clock_timestamp() THEN 'nobody has it now' ELSE '' END"
    " FROM zapkeep.role ORDER BY name";

static int rows_of(struct pg_db *d, const char *text,
                   int (*on_line)(void *ctx, const char *name, const char *value, const char *problem),
                   void *ctx)
{
    PGresult *res = NULL;
    int r;

    if (PQsendQuery(d->conn, text) == 0)
        return pg_lost(d, PQerrorMessage(d->conn));
    r = pg_result(d, PG_ANSWER_MS, &res);
    for (int i = 0; r == 0 && i < PQntuples(res); i++)
        r = on_line(ctx, PQgetvalue(res, i, 0), PQgetvalue(res, i, 1), PQgetvalue(res, i, 2));
    PQclear(res);
    return r;
}

int pg_report(const char *where,
              int (*on_line)(void *ctx, const char *name, const char *value, const char *problem), void *ctx)
{
    struct pg_db *d = NULL;
    char error[256] = "";
    int r = pg_connect(where, PG_CONTROL, &d, error, sizeof error);

    if (r == 0)
        r = rows_of(d, sql, on_line, ctx);
    if (r == 0 && pg_schema_check(d) == 0)
        r = rows_of(d, roles_sql, on_line, ctx);
    if (d) {
        (void)snprintf(error, sizeof error, "%s", d->db.error);
        pg_close(&d->db);
    }
    pg_problem_keep(r, error);
    return r;
}
