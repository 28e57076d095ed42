/*
 * Opening one SQLite file by its rules, and its transactions.
 */
#include "common/store/db.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/base/own_file.h"
#include "common/store/db_companions.h"
#include "common/store/sql.h"
#include "common/store/sql_internal.h"

/* A reader that only shows something must not wait for a writer. */
#define READER_TIMEOUT_MS 100
/* Pages in memory per connection; the working set of a state.db is smaller, a log is read once. */
#define CACHE_PRAGMA "PRAGMA cache_size = -1024;"
/* The journal's first bytes are written over at the end of a transaction and its blocks stay: a sync of those
 * costs the file system no commit of its own, as one after cutting the file does. A storm's journal is cut.
 */
#define JOURNAL_PRAGMA "PRAGMA journal_mode = PERSIST; PRAGMA journal_size_limit = 1048576;"

/* ---- opening --------------------------------------------------------------------------------- */

static bool is_reader(enum sql_rules rules)
{
    return rules == SQL_LOG_READER || rules == SQL_STATE_READER;
}

static int set_rules(struct db *db, enum sql_rules rules)
{
    int r = sql_exec(db, CACHE_PRAGMA "PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF;");

    if (r == 0 && rules == SQL_STATE)
        r = sql_exec(db, JOURNAL_PRAGMA "PRAGMA synchronous = FULL;");
    if (r == 0 && (rules == SQL_LOG_WRITER || rules == SQL_OWNED))
        r = db_companions_begin(db);
    if (r == 0 && rules == SQL_LOG_WRITER)
        r = sql_exec(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
    if (r == 0 && rules == SQL_OWNED)
        r = sql_exec(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;");
    if (r == 0 && rules == SQL_COPY)
        r = sql_exec(db, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;");
    if (rules == SQL_LOG_WRITER || rules == SQL_OWNED)
        (void)sqlite3_wal_autocheckpoint(db->handle, 0);
    if (rules == SQL_LOG_WRITER || is_reader(rules))
        (void)sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    return r;
}

/* SQLite quietly opens a file read-only that it may not write. */
static int check_writable_open(struct db *db, const char *path)
{
    if (sqlite3_db_readonly(db->handle, "main") != 1)
        return 0;
    return access(path, W_OK) != 0 && errno == EROFS ? -EROFS : -EACCES;
}

/* Transactions take milliseconds: SQLite's own handler sleeps 1, 2, 5 … ms at a time, and is late by as much.
 */
static int on_busy(void *ctx, int tries)
{
    struct db *db = ctx;
    int64_t now_us = clock_mono_us();
    struct timespec pause = { .tv_nsec = tries < 20 ? 100000 : tries < 60 ? 1000000 : 10000000 };

    if (tries == 0)
        db->busy_us = now_us;
    if (now_us - db->busy_us >= db->busy_max_us)
        return 0;
    (void)nanosleep(&pause, NULL);
    return 1;
}

static int open_handle(struct db *db, const char *path, enum sql_rules rules)
{
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | (rules == SQL_COPY ? SQLITE_OPEN_URI : 0) |
                (is_reader(rules) ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    int rc = sqlite3_open_v2(path, &db->handle, flags, NULL);

    if (!db->handle)
        return -ENOMEM;
    db->busy_max_us = 1000LL * (rules == SQL_STATE_READER ? READER_TIMEOUT_MS : SQL_BUSY_TIMEOUT_MS);
    (void)sqlite3_busy_handler(db->handle, on_busy, db);
    if (rc != SQLITE_OK)
        return sql_error(db, rc);
    return is_reader(rules) ? 0 : check_writable_open(db, path);
}

/* The file is remembered for db_check_in_place(). A copy is nobody's yet, a reader keeps nothing. */
static int note_file(struct db *db, const char *path, enum sql_rules rules)
{
    if (is_reader(rules) || rules == SQL_COPY || strcmp(path, ":memory:") == 0)
        return 0;
    db->path = mem_strdup(path);
    return db->path ? db_file_at(path, &db->file) : -ENOMEM;
}

/* SQLite follows links; in the data folder there are none. A copy goes where the operator says. */
static int check_file(const char *path, enum sql_rules rules)
{
    const char *slash = strrchr(path, '/');
    char dir[OWN_PATH_MAX];

    if (!slash || rules == SQL_COPY)
        return 0;
    if ((size_t)(slash - path) >= sizeof dir)
        return -ENAMETOOLONG;
    str_copy((struct str){ path, (size_t)(slash - path) }, dir, sizeof dir);
    return own_file_check(dir, slash + 1);
}

int sql_open(const char *path, enum sql_rules rules, const struct db_schema *schema, int version_max,
             struct db **ret)
{
    struct db *db = mem_zalloc(sizeof *db);
    int r;

    if (!db)
        return -ENOMEM;
    r = check_file(path, rules);
    if (r == 0 && !is_reader(rules) && rules != SQL_COPY)
        r = db_companions_check(path);
    if (r == 0)
        r = open_handle(db, path, rules);
    if (r == 0)
        r = set_rules(db, rules);
    if (r == 0 && schema)
        r = db_migrate(db, schema);
    if (r == 0 && version_max > 0)
        r = db_check_version(db, version_max);
    if (r == 0)
        r = note_file(db, path, rules);
    if (r == 0)
        *ret = db;
    else
        db_close(db);
    return r;
}

static int open_in(const char *dir, const char *file, enum sql_rules rules, const struct db_schema *schema,
                   struct db **ret)
{
    char *path = sqlite3_mprintf("%s/%s", dir, file);
    int r = path ? sql_open(path, rules, schema, 0, ret) : -ENOMEM;

    sqlite3_free(path);
    return r;
}

int db_open(const char *dir, const char *file, const struct db_schema *schema, struct db **ret)
{
    return open_in(dir, file, SQL_STATE, schema, ret);
}

int db_open_state_reader(const char *dir, struct db **ret)
{
    return db_open_reader(dir, STATE_DB_FILE, ret);
}

int db_open_reader(const char *dir, const char *file, struct db **ret)
{
    return open_in(dir, file, SQL_STATE_READER, NULL, ret);
}

const char *db_engine_version(void)
{
    return sqlite3_libversion();
}

int db_open_state(const char *dir, struct db **ret)
{
    return db_open(dir, STATE_DB_FILE, &state_schema, ret);
}

int db_open_memory(const struct db_schema *schema, struct db **ret)
{
    return sql_open(":memory:", SQL_STATE, schema, 0, ret);
}

void db_close(struct db *db)
{
    if (!db)
        return;
    sql_cache_free(db);
    (void)sqlite3_close_v2(db->handle); /* rolls an open transaction back */
    mem_free(db->path);
    mem_free(db);
}

/* ---- transactions ---------------------------------------------------------------------------- */

int db_begin(struct db *db)
{
    return sql_run(db, "BEGIN IMMEDIATE", "");
}

int db_commit(struct db *db)
{
    int r = sql_run(db, "COMMIT", "");

    if (r == 0)
        return db_check_in_place(db);
    db_rollback(db);
    return r;
}

int db_check_in_place(struct db *db)
{
    if (!db->path || db_file_is_at(&db->file, db->path))
        return 0;
    (void)snprintf(db->error, sizeof db->error, "%.200s was replaced or removed while it was open", db->path);
    db->sync_failed = true;
    return -ESTALE;
}

void db_rollback(struct db *db)
{
    if (db_in_transaction(db))
        (void)sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL); /* keeps the text of the error */
}

bool db_in_transaction(const struct db *db)
{
    return !db->reading && sqlite3_get_autocommit(db->handle) == 0;
}

int db_begin_reads(struct db *db)
{
    int r = db_check_in_place(db);

    if (r == 0)
        r = sql_run(db, "BEGIN", "");
    db->reading = r == 0;
    return r;
}

void db_end_reads(struct db *db)
{
    db->reading = false;
    if (db_in_transaction(db))
        (void)sql_run(db, "COMMIT", ""); /* of nothing */
}

const char *db_error(const struct db *db)
{
    return db->error;
}

bool db_sync_failed(const struct db *db)
{
    return db->sync_failed;
}

int db_data_version(struct db *db, int64_t *ret)
{
    return sql_get_int(db, "PRAGMA data_version", ret, "");
}

/* Writes the version that stands there already: a page, a journal and the syncs of a real commit. */
int db_check_writable(struct db *db)
{
    char pragma[64];
    int version = 0;
    int r = db_begin(db);

    if (r == 0)
        r = db_read_version(db, &version);
    if (r == 0) {
        (void)snprintf(pragma, sizeof pragma, "PRAGMA user_version = %d", version);
        r = sql_exec(db, pragma);
    }
    if (r == 0)
        return db_commit(db);
    db_rollback(db);
    return r;
}
