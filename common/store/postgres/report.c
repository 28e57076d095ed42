/* The promises of a server, its standbys, its archive, the holders of the roles, and the size of it all. */
#include "common/store/postgres/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/store/postgres/connection.h"
#include "common/store/postgres/problem.h"
#include "common/store/postgres/schema.h"
#include "common/store/role.h"

/* A base backup and what receives rows by logical replication are in the view, too; nothing fails over to them. */
#define IS_STANDBY                                                              \
    "application_name NOT IN ('pg_basebackup', 'pg_receivewal') AND NOT EXISTS" \
    " (SELECT 1 FROM pg_replication_slots l WHERE l.active_pid = s.pid AND l.slot_type = 'logical')"

/* name, value, problem ('': none). A 2xx promises that the event survives the death of the server's machine; a weaker
 * setting is a problem. */
static const char promises_sql[] =
    "SELECT 'fsync', current_setting('fsync'), CASE WHEN current_setting('fsync') = 'on' THEN ''"
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
    " UNION ALL SELECT 'standby ' || application_name, coalesce(state || ', ' || sync_state ||"
    "   ', behind by ' || pg_size_pretty(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)),"
    "   'the server shows more of it after GRANT pg_monitor TO ' || current_user),"
    "  CASE WHEN coalesce(sync_state, 'async') = 'async' AND current_setting('synchronous_standby_names') = "
    "''"
    "   THEN 'a failover to it takes the newest events, also ones answered 2xx: set "
    "synchronous_standby_names' ELSE '' END"
    "  FROM pg_stat_replication s WHERE " IS_STANDBY
    " UNION ALL SELECT 'synchronous standbys', current_setting('synchronous_standby_names'),"
    "  'none of them is connected: every commit waits, webhooks are answered 503; start one, or empty the "
    "setting'"
    "  WHERE current_setting('synchronous_standby_names') <> '' AND NOT EXISTS"
    "   (SELECT 1 FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum') OR sync_state IS NULL)";

/* As far as the server shows it. */
static const char archive_sql[] =
    "SELECT 'archiving', CASE WHEN current_setting('archive_mode') = 'off' THEN 'off'"
    "   ELSE current_setting('archive_mode') || ', last at ' ||"
    "    coalesce(to_char(last_archived_time AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'), 'no time') END,"
    "  CASE WHEN current_setting('archive_mode') = 'off' THEN ''"
    "   WHEN last_failed_time > coalesce(last_archived_time, '-infinity')"
    "   THEN 'archive_command fails since its last success, with ' || last_failed_wal || ': see the "
    "server''s log'"
    "   WHEN last_archived_time IS NULL THEN 'nothing was archived yet: see archive_command' ELSE '' END"
    "  FROM pg_stat_archiver"
    " UNION ALL SELECT 'base backup', count(*) || ' under way', '' FROM pg_stat_progress_basebackup HAVING "
    "count(*) > 0";

static const char rest_sql[] =
    "SELECT 'size', pg_size_pretty(pg_database_size(current_database())), ''"
    " UNION ALL SELECT 'oldest transaction', coalesce(date_trunc('second', max(now() - xact_start))::text, "
    "'none'),"
    "  CASE WHEN max(now() - xact_start) > interval '1 hour'"
    "   THEN 'it keeps dead rows alive and slows all down: end it (pg_stat_activity)' ELSE '' END"
    "  FROM pg_stat_activity WHERE state <> 'idle' AND pid <> pg_backend_pid() AND backend_type = 'client "
    "backend'"
    " UNION ALL SELECT 'connections', string_agg(n || ' ' || name, ', ' ORDER BY name), '' FROM"
    "  (SELECT coalesce(nullif(application_name, ''), 'of others') AS name, count(*) AS n FROM "
    "pg_stat_activity"
    "   WHERE datname = current_database() AND pid <> pg_backend_pid() GROUP BY 1) c HAVING count(*) > 0";

/* Names are KIND, KIND.ROLE, and KIND@… for each program (role.c). A role that is free while a program of its kind is at work
 * is of a bridge or a destination that is not configured any more. */
static const char roles_sql[] =
    "SELECT 'role ' || name, CASE WHEN until < clock_timestamp() THEN 'free, last held by ' ELSE '' END || "
    "holder ||"
    "  ' since ' || to_char(since AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') || ', fence ' || fence,"
    "  CASE WHEN until < clock_timestamp() AND NOT EXISTS (SELECT 1 FROM zapkeep.role m WHERE m.until >= "
    "clock_timestamp()"
    "    AND m.name LIKE split_part(r.name, '.', 1) || '@%')"
    "   THEN 'no program of this kind is at work: start it' ELSE '' END"
    " FROM zapkeep.role r WHERE name NOT LIKE '%@%'"
    " UNION ALL SELECT 'programs ' || split_part(name, '@', 1), string_agg(holder, ', ' ORDER BY holder), ''"
    " FROM zapkeep.role WHERE name LIKE '%@%' AND fence > 0 AND until >= clock_timestamp() GROUP BY 1"
    " UNION ALL SELECT 'program ' || split_part(name, '@', 1) || ' on ' || holder,"
    "  'no sign of life since ' || to_char(until AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'),"
    "  'start it there again; one that does not come back is forgotten after a day'"
    " FROM zapkeep.role d WHERE name LIKE '%@%' AND fence > 0 AND until < clock_timestamp() AND NOT EXISTS"
    "  (SELECT 1 FROM zapkeep.role m WHERE m.name LIKE split_part(d.name, '@', 1) || '@%' "
    "    AND (m.fence = 0 OR m.until >= clock_timestamp()) AND m.since >= d.until - d.fence * interval '1 "
    "ms') ORDER BY 1";

static int rows_of(struct pg_db *d, const char *text, store_report_fn on_line, void *ctx)
{
    PGresult *res = NULL;
    int r = pg_ask(d, text, &res);

    for (int i = 0; r == 0 && i < PQntuples(res); i++)
        r = on_line(ctx, PQgetvalue(res, i, 0), PQgetvalue(res, i, 1), PQgetvalue(res, i, 2));
    PQclear(res);
    return r;
}

struct section {
    const char *sql;
    enum store_report_part part;
    bool of_tables; /* it needs zapkeep's */
};

static const struct section sections[] = {
    { "SELECT 'server', current_setting('server_version'), ''", STORE_REPORT_REST, false },
    { promises_sql, STORE_REPORT_PROMISES, false },
    { archive_sql, STORE_REPORT_ARCHIVE, false },
    { rest_sql, STORE_REPORT_REST, false },
    { roles_sql, STORE_REPORT_ROLES, true },
};

static int report(struct pg_db *d, unsigned parts, store_report_fn on_line, void *ctx)
{
    bool has_tables = (parts & STORE_REPORT_ROLES) != 0 && pg_schema_check(d) == 0;
    int r = 0;

    for (size_t i = 0; r == 0 && i < sizeof sections / sizeof sections[0]; i++) {
        if ((parts & (unsigned)sections[i].part) != 0 && (has_tables || !sections[i].of_tables))
            r = rows_of(d, sections[i].sql, on_line, ctx);
    }
    return r;
}

int pg_report(const char *where, unsigned parts, store_report_fn on_line, void *ctx)
{
    struct pg_db *d = NULL;
    char error[256] = "";
    int r = pg_connect(where, PG_CONTROL, &d, error, sizeof error);

    if (r == 0) {
        r = report(d, parts, on_line, ctx);
        (void)snprintf(error, sizeof error, "%s", d->db.error);
        pg_close(&d->db);
    }
    pg_problem_keep(r, error);
    return r;
}

/* ---- roles, each by itself -------------------------------------------------------------------- */

static const char each_role_sql[] = "SELECT name, holder, fence, (extract(epoch FROM since) * 1000)::bigint, "
                                    "until >= clock_timestamp(), until = '-infinity',"
                                    "  (SELECT count(*) FROM zapkeep.role m WHERE m.until >= "
                                    "clock_timestamp() AND m.name LIKE split_part(r.name, '.', 1) || '@%')"
                                    " FROM zapkeep.role r WHERE name NOT LIKE '%@%' ORDER BY name";

static int give_role(const PGresult *res, int i, int (*on_row)(void *ctx, const struct store_role_row *row),
                     void *ctx)
{
    struct store_role_row row = { .fence = strtoll(PQgetvalue(res, i, 2), NULL, 10),
                                  .since = strtoll(PQgetvalue(res, i, 3), NULL, 10),
                                  .held = PQgetvalue(res, i, 4)[0] == 't',
                                  .given = PQgetvalue(res, i, 5)[0] == 't',
                                  .members = (int)strtol(PQgetvalue(res, i, 6), NULL, 10) };

    str_copy(str_from(PQgetvalue(res, i, 0)), row.name, sizeof row.name);
    str_copy(str_from(PQgetvalue(res, i, 1)), row.holder, sizeof row.holder);
    return on_row(ctx, &row);
}

static int each_role(struct pg_db *d, int (*on_row)(void *ctx, const struct store_role_row *row), void *ctx)
{
    PGresult *res = NULL;
    int r = pg_schema_check(d);

    if (r == 0)
        r = pg_ask(d, each_role_sql, &res);
    for (int i = 0; r == 0 && i < PQntuples(res); i++)
        r = give_role(res, i, on_row, ctx);
    PQclear(res);
    return r;
}

int pg_roles_each(const char *where, int (*on_row)(void *ctx, const struct store_role_row *row), void *ctx)
{
    struct pg_db *d = NULL;
    char error[256] = "";
    int r = pg_connect(where, PG_CONTROL, &d, error, sizeof error);

    if (r == 0) {
        r = each_role(d, on_row, ctx);
        (void)snprintf(error, sizeof error, "%s", d->db.error);
        pg_close(&d->db);
    }
    pg_problem_keep(r, error);
    return r;
}
