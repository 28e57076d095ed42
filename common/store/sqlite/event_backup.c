/*
 * A copy of the event log while it is written. It is copied row by row, a slice at a time, and not page by
 * page: SQLite's own backup starts over when the file changes meanwhile, and VACUUM INTO holds one snapshot
 * all the time, for which the write-ahead log would grow by everything that comes in.
 *
 * The log only grows at its end, so slices that were read one after the other make a state that the log had:
 * all events up to the head when the copy began, except those that retention removed, with their keys.
 */
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/store/db.h"
#include "common/store/sql.h"
#include "common/store/sqlite/backup.h"
#include "common/store/sqlite/event_internal.h"
#include "common/store/sqlite/handle.h"
#include "common/store/sqlite/open.h"
#include "common/store/sqlite/schemas.h"

/* Rows of one slice: a snapshot of a few milliseconds. */
#define SLICE_ROWS 2048

struct backup {
    struct db *db; /* of the copy; the log is attached to it as `log` */
    int64_t oldest, head;
};

/* "file:" with the characters escaped that mean something in a URI. */
static char *uri_of(const char *dir)
{
    sqlite3_str *uri = sqlite3_str_new(NULL);

    sqlite3_str_appendall(uri, "file:");
    for (const char *p = dir; *p; p++) {
        if (*p == '%' || *p == '?' || *p == '#')
            sqlite3_str_appendf(uri, "%%%02x", (unsigned)*p);
        else
            sqlite3_str_appendchar(uri, 1, *p);
    }
    sqlite3_str_appendall(uri, "/" EVENTS_DB_FILE "?mode=ro");
    return sqlite3_str_finish(uri);
}

static int attach(struct backup *b, const char *dir)
{
    char *uri = uri_of(dir);
    int r = uri ? sql_run(b->db, "ATTACH ?1 AS log", "s", uri) : -ENOMEM;

    /* Else the last one to close the log's WAL would move it into the file. */
    (void)sqlite3_db_config(sqlite_handle(b->db), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);

    sqlite3_free(uri);
    return r;
}

/* ---- slices ---------------------------------------------------------------------------------- */

static int copy_events(struct backup *b)
{
    int r = 0;

    for (int64_t seq = b->oldest; r == 0 && seq <= b->head; seq += SLICE_ROWS) {
        int64_t last = seq + SLICE_ROWS - 1 < b->head ? seq + SLICE_ROWS - 1 : b->head;

        r = sql_run(b->db, "INSERT INTO main.event SELECT * FROM log.event WHERE seq BETWEEN ?1 AND ?2", "ii",
                    seq, last);
    }
    return r;
}

/* Copies the keys after *at and moves it on; *ret_n of them. */
static int copy_some_keys(struct backup *b, struct key_cursor *at, int64_t *ret_n)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    struct str digest = { (const char *)at->digest, EVENT_DIGEST_BYTES };
    int r = sql_run(b->db,
                    "INSERT INTO main.dedupe SELECT * FROM log.dedupe WHERE (time_ms, digest) > (?1, ?2)"
                    " AND seq <= ?3 ORDER BY time_ms, digest LIMIT ?4",
                    "ibii", at->time_ms, digest, b->head, (int64_t)SLICE_ROWS);

    if (r != 0)
        return r;
    *ret_n = sql_changes(b->db);
    r = sql_query(b->db, "SELECT time_ms, digest FROM main.dedupe ORDER BY time_ms DESC, digest DESC LIMIT 1",
                  &q, "");
    if (r == 0 && (r = sql_next(q)) == SQL_ROW) {
        struct str d = sql_blob(q, 1);

        at->time_ms = sql_int(q, 0);
        memcpy(at->digest, d.p, d.n < EVENT_DIGEST_BYTES ? d.n : EVENT_DIGEST_BYTES);
        r = 0;
    }
    return r;
}

static int copy_keys(struct backup *b)
{
    struct key_cursor at = { .time_ms = INT64_MIN };
    int64_t n = 0;
    int r;

    do
        r = copy_some_keys(b, &at, &n);
    while (r == 0 && n > 0);
    return r;
}

static int copy_rest(struct backup *b)
{
    int r = sql_run(b->db, "INSERT OR REPLACE INTO main.mark SELECT * FROM log.mark WHERE seq <= ?1", "i",
                    b->head);

    if (r == 0)
        r = sql_exec(b->db, "INSERT INTO main.rejected SELECT * FROM log.rejected");
    if (r == 0) /* it is the same log: its events keep their ids */
        r = sql_exec(b->db, "INSERT OR REPLACE INTO main.meta SELECT * FROM log.meta");
    if (r == 0)
        r = event_ids_fork(b->db, b->head);
    return r;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static int check_log(struct backup *b)
{
    int64_t version = 0;
    int r = sql_get_int(b->db, "PRAGMA log.user_version", &version, "");

    if (r == 0 && version == 0)
        r = -ENOENT; /* just being made */
    if (r == 0 && version > db_schema_version(&events_schema))
        r = -EPROTONOSUPPORT;
    if (r == 0)
        r = sql_get_int(b->db, "SELECT coalesce(max(seq), 0) FROM log.event", &b->head, "");
    if (r == 0)
        r = sql_get_int(b->db, "SELECT coalesce(min(seq), 1) FROM log.event", &b->oldest, "");
    return r;
}

static int copy_all(struct backup *b, const char *dir)
{
    int r = attach(b, dir);

    if (r == 0)
        r = check_log(b);
    if (r == 0)
        r = copy_events(b);
    if (r == 0)
        r = copy_keys(b);
    if (r == 0)
        r = copy_rest(b);
    return r;
}

int event_backup(const char *dir, const char *path, int64_t *ret_events)
{
    struct backup b = { 0 };
    int64_t n = 0;
    int r = sqlite_open(path, RULES_COPY, &events_schema, 0, &b.db);

    if (r == 0)
        r = copy_all(&b, dir);
    if (r == 0)
        r = sql_get_int(b.db, "SELECT count(*) FROM main.event", &n, "");
    if (r == 0)
        r = db_quick_check(b.db);
    db_close(b.db);
    if (r == 0)
        r = sqlite_sync_file(path);
    if (r == 0)
        *ret_events = n;
    return r;
}
