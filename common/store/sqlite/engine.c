/* SQLite, by the files of a folder: the table of its functions. */
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>

#include "common/store/db.h"
#include "common/store/engine.h"
#include "common/store/forward.h"
#include "common/store/sqlite/companions.h"
#include "common/store/sqlite/event_log.h"
#include "common/store/sqlite/event_scan.h"
#include "common/store/sqlite/file.h"
#include "common/store/sqlite/handle.h"
#include "common/store/sqlite/move.h"
#include "common/store/sqlite/open.h"
#include "common/store/sqlite/role.h"
#include "common/store/sqlite/schemas.h"
#include "common/store/sqlite/statements.h"
#include "common/store/sqlite/steady.h"
#include "common/store/sqlite/transactions.h"

#define PATH_BYTES 4200

static int open_in(const char *dir, const char *file, enum sqlite_rules rules, const struct db_schema *schema,
                   struct db **ret)
{
    char path[PATH_BYTES];

    (void)snprintf(path, sizeof path, "%s/%s", dir, file);
    return sqlite_open(path, rules, rules == RULES_LOG_READER ? NULL : schema,
                       rules == RULES_LOG_READER ? db_schema_version(schema) : 0, ret);
}

static int open_state(const char *dir, struct db **ret)
{
    return db_open(dir, STATE_DB_FILE, &state_schema, ret);
}

static int upgrade(const char *dir)
{
    struct db *db = NULL;
    int r = open_state(dir, &db);

    db_close(db);
    return r;
}

static int schema(const char *dir, int *ret_is, int *ret_known)
{
    struct sqlite_header header = { 0 };
    char path[PATH_BYTES];
    int r;

    (void)snprintf(path, sizeof path, "%s/%s", dir, STATE_DB_FILE);
    r = sqlite_header_read(path, &header);
    *ret_is = (int)header.user_version;
    *ret_known = db_schema_version(&state_schema);
    return r == -ENOENT ? 0 : r;
}

static const char *part_is_file(const char *file)
{
    return file;
}

static const char *display(const char *dir, char *ret, size_t n)
{
    (void)snprintf(ret, n, "%s", dir);
    return ret;
}

/* A lock file is a program's while it lives: there is no lease to be shown. */
static int roles_each(const char *dir, int (*on_row)(void *ctx, const struct store_role_row *row), void *ctx)
{
    (void)dir;
    (void)on_row;
    (void)ctx;
    return 0;
}

static int report(const char *dir, unsigned parts, store_report_fn on_line, void *ctx)
{
    (void)dir;
    return (parts & STORE_REPORT_REST) != 0 ? on_line(ctx, "SQLite", sqlite3_libversion(), "") : 0;
}

static int open_state_reader(const char *dir, struct db **ret)
{
    return db_open_reader(dir, STATE_DB_FILE, ret);
}

static int open_log_reader(const char *dir, struct db **ret)
{
    return open_in(dir, EVENTS_DB_FILE, RULES_LOG_READER, &events_schema, ret);
}

static int open_forward(const char *dir, bool alone, struct db **ret)
{
    (void)alone; /* every connection is to one file */
    char path[PATH_BYTES];
    int r = open_in(dir, FORWARD_DB_FILE, RULES_OWNED, &forward_schema, ret);

    (void)snprintf(path, sizeof path, "%s/%s", dir, FORWARD_DB_FILE);
    if (r == 0)
        sqlite_companions_adopt(*ret, path);
    return r;
}

static int open_forward_reader(const char *dir, struct db **ret)
{
    return open_in(dir, FORWARD_DB_FILE, RULES_LOG_READER, &forward_schema, ret);
}

static int forward_checkpoint_of(struct db *db, bool *ret_all)
{
    int frames = -1;
    int moved = -1;
    int rc = sqlite3_wal_checkpoint_v2(sqlite_handle(db), NULL, SQLITE_CHECKPOINT_PASSIVE, &frames, &moved);
    int r = sqlite_error(db, rc);

    if (r == 0 || r == -EAGAIN)
        *ret_all = r == 0 && frames == moved;
    return r == -EAGAIN ? 0 : r;
}

const struct engine sqlite_engine = {
    .name = "sqlite",
    .version = sqlite3_libversion,
    .prepare = sqlite_prepare,
    .finalize = sqlite_finalize,
    .bind_int = sqlite_bind_int,
    .bind_text = sqlite_bind_text,
    .bind_blob = sqlite_bind_blob,
    .bind_null = sqlite_bind_null,
    .next = sqlite_next,
    .run_to_end = sqlite_run_to_end,
    .reset = sqlite_reset,
    .column_int = sqlite_column_int,
    .column_text = sqlite_column_text,
    .column_blob = sqlite_column_blob,
    .column_is_null = sqlite_column_is_null,
    .exec = sqlite_exec,
    .changes = sqlite_changes,
    .close = sqlite_close,
    .begin = sqlite_begin,
    .commit = sqlite_commit,
    .rollback = sqlite_rollback,
    .in_transaction = sqlite_in_transaction,
    .begin_reads = sqlite_begin_reads,
    .end_reads = sqlite_end_reads,
    .data_version = sqlite_data_version,
    .check_writable = sqlite_check_writable,
    .steady_now = sqlite_steady_now,
    .open_state = open_state,
    .open_state_reader = open_state_reader,
    .open_forward = open_forward,
    .open_forward_reader = open_forward_reader,
    .forward_checkpoint = forward_checkpoint_of,
    .open_log = sqlite_log_open,
    .open_log_reader = open_log_reader,
    .upgrade = upgrade,
    .schema = schema,
    .display = display,
    .report = report,
    .part = part_is_file,
    .problem = sqlite_problem,
    .other_bytes = sqlite_other_bytes,
    .move_open = sqlite_move_open,
    .crew_open = sqlite_crew_open,
    .role_is_taken = sqlite_role_is_taken,
    .roles_each = roles_each,
    .log_is_stale = sqlite_log_is_stale,
    .begin_snapshot = sqlite_begin_snapshot,
    .end_snapshot = sqlite_end_snapshot,
    .scan = sqlite_scan,
};
