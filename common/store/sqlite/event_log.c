/*
 * Opening the log for writing, and appending to it.
 *
 * seq is given out here, not by SQLite: head + 1, with head moved on only by a commit, so that a transaction
 * that failed leaves no gap.
 */
#include "common/store/sqlite/event_log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/instance_lock.h"
#include "common/base/mem.h"
#include "common/base/own_file.h"
#include "common/store/db.h"
#include "common/store/sql.h"
#include "common/store/sqlite/backup.h"
#include "common/store/sqlite/companions.h"
#include "common/store/sqlite/event_internal.h"
#include "common/store/sqlite/open.h"
#include "common/store/sqlite/schemas.h"

/* ---- one writer ------------------------------------------------------------------------------ */

static int take_lock(struct sqlite_log *l, int64_t *ret_pid)
{
    int r = instance_lock_take(l->dir, EVENTS_LOCK_FILE, &l->lock_fd, ret_pid);

    return r == INSTANCE_LOCK_TAKEN ? EVENT_LOG_TAKEN : r;
}

/* ---- opening --------------------------------------------------------------------------------- */

static int load_bounds(struct sqlite_log *l)
{
    int r = sql_get_int(l->db, "SELECT coalesce(max(seq), 0) FROM event", &l->log.head, "");

    if (r == 0)
        r = sql_get_int(l->db, "SELECT coalesce(min(seq), 0) FROM event", &l->log.oldest, "");
    if (r == 0)
        r = sql_get_int(l->db, "SELECT coalesce(max(at), 0) FROM mark", &l->mark_at, "");
    l->new_head = l->log.head;
    l->new_oldest = l->log.oldest;
    l->new_mark_at = l->mark_at;
    return r;
}

static int open_files(struct sqlite_log *l)
{
    char path[OWN_PATH_MAX];
    int r;

    (void)snprintf(path, sizeof path, "%s/%s", l->dir, EVENTS_DB_FILE);
    r = sqlite_companions_check(path);
    if (r == 0)
        r = sqlite_wal_rewrite(l->dir);
    if (r == 0)
        r = sqlite_open(path, RULES_LOG_WRITER, &events_schema, 0, &l->db);
    if (r == 0)
        sqlite_wal_watch(l);
    if (r == 0)
        sqlite_companions_adopt(l->db, path);
    if (r == 0)
        r = event_ids_load(l->db, &l->log.ids);
    if (r == 0)
        r = load_bounds(l);
    return r == 0 ? sqlite_sync_dir(l->dir) : r;
}

/* ---- its bounds --------------------------------------------------------------------- */

static const char *log_error(const struct event_log *log)
{
    struct sqlite_log *l = sqlite_log(log);

    return db_error(l->db);
}

static bool log_sync_failed(const struct event_log *log)
{
    struct sqlite_log *l = sqlite_log(log);

    return db_sync_failed(l->db);
}

/* ---- writing --------------------------------------------------------------------------------- */

static int log_begin(struct event_log *log)
{
    struct sqlite_log *l = sqlite_log(log);

    return db_begin(l->db);
}

static int find_key(struct sqlite_log *l, const struct event_new *e, int64_t *ret_seq)
{
    struct str digest = { (const char *)e->key_digest, EVENT_DIGEST_BYTES };
    int r = sql_get_int(l->db, "SELECT seq FROM dedupe WHERE time_ms = ?1 AND digest = ?2", ret_seq, "ib",
                        e->key_time_ms, digest);

    return r == 0 ? EVENT_DUPLICATE : (r == SQL_NO_ROW ? -EPROTO : r);
}

/* Of an event that is known by its body alone: did the first one come too long ago to be the same? */
static int is_another(struct sqlite_log *l, const struct event_new *e, int64_t seq, bool *ret)
{
    int64_t at = 0;
    int r = 0;

    *ret = false;
    if (e->merge_ms == 0)
        return 0;
    r = sql_get_int(l->db, "SELECT at FROM event WHERE seq = ?1", &at, "i", seq);
    if (r == SQL_NO_ROW) { /* it was removed by its age */
        *ret = true;
        return 0;
    }
    *ret = r == 0 && e->at - at > e->merge_ms;
    return r;
}

/* Returns 0: the key is new, EVENT_DUPLICATE, or -errno. */
static int insert_key(struct sqlite_log *l, const struct event_new *e, int64_t seq, int64_t *ret_seq)
{
    struct str digest = { (const char *)e->key_digest, EVENT_DIGEST_BYTES };
    bool another = false;
    int64_t first = 0;
    int r = sql_run(l->db, "INSERT INTO dedupe VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING", "ibi",
                    e->key_time_ms, digest, seq);

    if (r != 0 || sql_changes(l->db) > 0)
        return r;
    r = find_key(l, e, &first);
    if (r == EVENT_DUPLICATE) {
        r = is_another(l, e, first, &another);
        if (r != 0)
            return r;
        *ret_seq = first;
        return another ? sql_run(l->db, "UPDATE dedupe SET seq = ?3 WHERE time_ms = ?1 AND digest = ?2",
                                 "ibi", e->key_time_ms, digest, seq)
                       : EVENT_DUPLICATE;
    }
    return r;
}

static int log_append(struct event_log *log, const struct event_new *e, int64_t *ret_seq)
{
    struct sqlite_log *l = sqlite_log(log);
    int64_t seq = l->new_head + 1;
    int r = insert_key(l, e, seq, ret_seq);

    if (r == 0)
        r = sql_run(l->db, "INSERT INTO event VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)", "iiittttb", seq,
                    e->at, e->occurred_at, e->type, e->bridge, e->session, e->message_id, e->body);
    if (r != 0)
        return r;
    l->new_head = seq;
    if (l->new_oldest == 0)
        l->new_oldest = seq;
    *ret_seq = seq;
    return 0;
}

static int log_add(struct event_log *log, const struct event_new *e, int *ret_result, int64_t *ret_seq)
{
    int r = log_append(log, e, ret_seq);

    if (r < 0)
        return r;
    *ret_result = r;
    return 0;
}

static int log_probe(struct event_log *log, int64_t now_ms)
{
    struct sqlite_log *l = sqlite_log(log);

    return sql_run(l->db, "UPDATE meta SET value = CAST(?1 AS TEXT) WHERE key = 'probe'", "i", now_ms);
}

static void log_rollback(struct event_log *log)
{
    struct sqlite_log *l = sqlite_log(log);

    db_rollback(l->db);
    l->new_head = l->log.head;
    l->new_oldest = l->log.oldest;
    l->new_mark_at = l->mark_at;
    l->rejected_rows = -1;
}

static int log_commit(struct event_log *log)
{
    struct sqlite_log *l = sqlite_log(log);
    int r = db_commit(l->db);

    if (r != 0) {
        log_rollback(log);
        return r;
    }
    l->log.head = l->new_head;
    l->log.oldest = l->new_oldest;
    l->mark_at = l->new_mark_at;
    return 0;
}

static int64_t log_touch(struct event_log *log)
{
    struct sqlite_log *l = sqlite_log(log);

    (void)futimens(l->lock_fd, NULL);
    return 0;
}

/* ---- rejected -------------------------------------------------------------------------------- */

static int count_rejected(struct sqlite_log *l)
{
    int r;

    if (l->rejected_rows >= 0)
        return 0;
    r = sql_get_int(l->db, "SELECT coalesce(sum(length(body)), 0) FROM rejected", &l->rejected_bytes, "");
    return r == 0 ? sql_get_int(l->db, "SELECT count(*) FROM rejected", &l->rejected_rows, "") : r;
}

static int drop_oldest_rejected(struct sqlite_log *l)
{
    int64_t bytes = 0;
    int r = sql_get_int(
        l->db, "DELETE FROM rejected WHERE id = (SELECT min(id) FROM rejected) RETURNING length(body)",
        &bytes, "");

    l->rejected_rows--;
    l->rejected_bytes -= bytes;
    return r;
}

static int log_reject(struct event_log *log, const struct event_rejected *e)
{
    struct sqlite_log *l = sqlite_log(log);
    int r = count_rejected(l);

    if (r == 0)
        r = event_rejected_insert(l->db, e, "itstib");
    if (r != 0)
        return r;
    l->rejected_rows++;
    l->rejected_bytes += (int64_t)e->body.n;
    while (r == 0 &&
           (l->rejected_rows > EVENT_REJECTED_ROWS_MAX || l->rejected_bytes > EVENT_REJECTED_BYTES_MAX))
        r = drop_oldest_rejected(l);
    return r;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void log_close(struct event_log *log)
{
    struct sqlite_log *l = sqlite_log(log);

    if (l->db) {
        log_rollback(log);
        if (!db_sync_failed(l->db))
            (void)sqlite_log_truncate(log);
    }
    db_close(l->db);
    if (l->lock_fd >= 0)
        (void)close(l->lock_fd); /* and the lock is free */
    mem_free(l->dir);
    mem_free(l);
}

static const struct event_log_engine log_engine = {
    .close = log_close,
    .error = log_error,
    .sync_failed = log_sync_failed,
    .begin = log_begin,
    .add = log_add,
    .append = log_append,
    .reject = log_reject,
    .probe = log_probe,
    .commit = log_commit,
    .touch = log_touch,
    .rollback = log_rollback,
    .wal = sqlite_log_wal,
    .checkpoint = sqlite_log_checkpoint,
    .truncate = sqlite_log_truncate,
    .holders = sqlite_log_holders,
    .prune = sqlite_log_prune,
};

int sqlite_log_open(const char *dir, struct event_log **ret, int64_t *ret_pid)
{
    struct sqlite_log *l = mem_zalloc(sizeof *l);
    int r;

    if (!l)
        return -ENOMEM;
    l->log.engine = &log_engine;
    l->lock_fd = -1;
    l->rejected_rows = -1;
    l->dir = mem_strdup(dir);
    r = l->dir ? take_lock(l, ret_pid) : -ENOMEM;
    if (r == 0)
        r = open_files(l);
    if (r == 0)
        *ret = &l->log;
    else
        log_close(&l->log);
    return r;
}
