/* PostgreSQL, by its address: the table of its functions. */
#include <errno.h>
#include <stdio.h>

#include "common/base/err.h"
#include "common/store/engine.h"
#include "common/store/postgres/connection.h"
#include "common/store/postgres/event_log.h"
#include "common/store/postgres/event_scan.h"
#include "common/store/postgres/move.h"
#include "common/store/postgres/password.h"
#include "common/store/postgres/problem.h"
#include "common/store/postgres/programs.h"
#include "common/store/postgres/report.h"
#include "common/store/postgres/role.h"
#include "common/store/postgres/schema.h"
#include "common/store/postgres/statements.h"
#include "common/store/postgres/steady.h"
#include "common/store/postgres/transactions.h"
#include "common/store/postgres/wire.h"

static int enter(struct pg_db *d, bool reader)
{
    int r = pg_schema_check(d);

    if (r == 0 && d->part == PG_STATE)
        r = pg_exec(&d->db, "LISTEN zapkeep_state");
    if (r != 0 || pg_wire_is_shared(d))
        return r;
    if (d->part == PG_FORWARD) /* a crash of the server repeats deliveries of the last half second */
        r = pg_exec(&d->db, "SET synchronous_commit = off");
    if (r == 0 && reader)
        r = pg_exec(&d->db, "SET default_transaction_read_only = on");
    return r;
}

/* @alone: on a connection of its own. */
static int open_part(const char *where, enum pg_part part, bool reader, bool alone, struct db **ret)
{
    struct pg_db *d = NULL;
    char error[256] = "";
    int r = (alone ? pg_connect : pg_join)(where, part, &d, error, sizeof error);

    if (r == 0)
        d->reader = reader;
    if (r == 0 && (r = enter(d, reader)) != 0) {
        (void)snprintf(error, sizeof error, "%s", d->db.error);
        pg_close(&d->db);
    }
    pg_problem_keep(r, error);
    if (r == 0)
        *ret = &d->db;
    return r;
}

static int upgrade(const char *where)
{
    struct pg_db *d = NULL;
    char error[256] = "";
    int r = pg_connect(where, PG_CONTROL, &d, error, sizeof error);

    if (r == 0) {
        r = pg_schema_upgrade(d);
        (void)snprintf(error, sizeof error, "%s", d->db.error);
        pg_close(&d->db);
    }
    pg_problem_keep(r, error);
    return r;
}

static int schema(const char *where, int *ret_is, int *ret_known)
{
    struct pg_db *d = NULL;
    char error[256] = "";
    int r = pg_connect(where, PG_CONTROL, &d, error, sizeof error);

    *ret_known = pg_schema_known();
    if (r == 0) {
        r = pg_schema_version(d, ret_is);
        (void)snprintf(error, sizeof error, "%s", d->db.error);
        pg_close(&d->db);
    }
    pg_problem_keep(r, error);
    return r;
}

static int open_state(const char *where, struct db **ret)
{
    return open_part(where, PG_STATE, false, false, ret);
}

static int open_state_reader(const char *where, struct db **ret)
{
    return open_part(where, PG_STATE, true, false, ret);
}

static int open_forward_reader(const char *where, struct db **ret)
{
    return open_part(where, PG_FORWARD, true, false, ret);
}

static int open_events(const char *where, struct db **ret)
{
    return open_part(where, PG_EVENTS, true, false, ret);
}

static int open_forward(const char *where, bool alone, struct db **ret)
{
    return open_part(where, PG_FORWARD, false, alone, ret);
}

/* Every commit is in the server's hands. */
static int forward_checkpoint_of(struct db *db, bool *ret_all)
{
    *ret_all = pg_is_usable(pg_db(db));
    return *ret_all ? 0 : -ENOTCONN;
}

static const char *version(void)
{
    static char text[32];
    int v = PQlibVersion();

    (void)snprintf(text, sizeof text, "%d.%d", v / 10000, v % 10000);
    return text;
}

/* On the server's disk, of which this machine knows nothing. */
static int64_t other_bytes(const char *where)
{
    (void)where;
    return 0;
}

const struct engine postgres_engine = {
    .name = "postgresql",
    .version = version,
    .prepare = pg_prepare,
    .finalize = pg_finalize,
    .bind_int = pg_bind_int,
    .bind_text = pg_bind_text,
    .bind_blob = pg_bind_blob,
    .bind_null = pg_bind_null,
    .next = pg_next,
    .run_to_end = pg_run_to_end,
    .reset = pg_reset,
    .column_int = pg_column_int,
    .column_text = pg_column_text,
    .column_blob = pg_column_text,
    .column_is_null = pg_column_is_null,
    .exec = pg_exec,
    .changes = pg_changes,
    .close = pg_close,
    .begin = pg_begin,
    .begin_bridge = pg_begin_bridge,
    .commit = pg_commit,
    .rollback = pg_rollback,
    .in_transaction = pg_in_transaction,
    .begin_reads = pg_begin_reads,
    .end_reads = pg_end_reads,
    .data_version = pg_data_version,
    .notify_as = pg_notify_as,
    .notify_fd = pg_notify_fd,
    .notify_take = pg_notify_take,
    .check_writable = pg_check_writable,
    .ping = pg_ping,
    .steady_now = pg_steady_now,
    .open_state = open_state,
    .open_state_reader = open_state_reader,
    .open_forward = open_forward,
    .open_forward_reader = open_forward_reader,
    .forward_checkpoint = forward_checkpoint_of,
    .open_log = pg_log_open,
    .open_log_reader = open_events,
    .share_connection = pg_share_connection,
    .set_password = pg_set_password,
    .has_password = pg_has_password,
    .upgrade = upgrade,
    .schema = schema,
    .display = pg_display,
    .report = pg_report,
    .part = pg_part_name,
    .problem_detail = pg_problem_keep,
    .problem = pg_problem,
    .other_bytes = other_bytes,
    .move_open = pg_move_open,
    .crew_open = pg_crew_open,
    .role_is_taken = pg_role_is_taken,
    .roles_each = pg_roles_each,
    .sign_program = pg_sign_program,
    .programs_each = pg_programs_each,
    .log_is_stale = pg_log_is_stale,
    .begin_snapshot = pg_begin_snapshot,
    .end_snapshot = pg_end_snapshot,
    .scan = pg_scan,
};
