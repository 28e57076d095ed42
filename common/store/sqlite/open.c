/*
 * Opening one SQLite file by its rules.
 */
#include "common/store/sqlite/open.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/base/own_file.h"
#include "common/store/db.h"
#include "common/store/sql.h"
#include "common/store/sqlite/companions.h"
#include "common/store/sqlite/handle.h"
#include "common/store/sqlite/migrate.h"
#include "common/store/sqlite/schemas.h"

/* A reader that only shows something must not wait for a writer. */
#define READER_TIMEOUT_MS 100
/* Pages in memory per connection; the working set of a state.db is smaller, a log is read once. */
#define CACHE_PRAGMA "PRAGMA cache_size = -1024;"
/* The journal's first bytes are written over at the end of a transaction and its blocks stay: a sync of those
 * costs the file system no commit of its own, as one after cutting the file does. A storm's journal is cut.
 */
#define JOURNAL_PRAGMA "PRAGMA journal_mode = PERSIST; PRAGMA journal_size_limit = 1048576;"

/* ---- opening --------------------------------------------------------------------------------- */

static bool is_reader(enum sqlite_rules rules)
{
    return rules == RULES_LOG_READER || rules == RULES_STATE_READER;
}

static int set_rules(struct db *db, enum sqlite_rules rules)
{
    int r = sql_exec(db, CACHE_PRAGMA "PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF;");

    if (r == 0 && rules == RULES_STATE)
        r = sql_exec(db, JOURNAL_PRAGMA "PRAGMA synchronous = FULL;");
    if (r == 0 && (rules == RULES_LOG_WRITER || rules == RULES_OWNED))
        r = sqlite_companions_begin(db);
    if (r == 0 && rules == RULES_LOG_WRITER)
        r = sql_exec(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
    if (r == 0 && rules == RULES_OWNED)
        r = sql_exec(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;");
    if (r == 0 && rules == RULES_COPY)
        r = sql_exec(db, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;");
    if (rules == RULES_LOG_WRITER || rules == RULES_OWNED)
        (void)sqlite3_wal_autocheckpoint(sqlite_handle(db), 0);
    if (rules == RULES_LOG_WRITER || is_reader(rules))
        (void)sqlite3_db_config(sqlite_handle(db), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    return r;
}

/* SQLite quietly opens a file read-only that it may not write. */
static int check_writable_open(struct db *db, const char *path)
{
    if (sqlite3_db_readonly(sqlite_handle(db), "main") != 1)
        return 0;
    return access(path, W_OK) != 0 && errno == EROFS ? -EROFS : -EACCES;
}

/* Transactions take milliseconds: SQLite's own handler sleeps 1, 2, 5 … ms at a time, and is late by as much.
 */
static int on_busy(void *ctx, int tries)
{
    struct sqlite_db *db = ctx;
    int64_t now_us = clock_mono_us();
    struct timespec pause = { .tv_nsec = tries < 20 ? 100000 : tries < 60 ? 1000000 : 10000000 };

    if (tries == 0)
        db->busy_us = now_us;
    if (now_us - db->busy_us >= db->busy_max_us)
        return 0;
    (void)nanosleep(&pause, NULL);
    return 1;
}

/* As in PostgreSQL, and in SQLite from 3.43 on: the bytes of a text or blob. */
static void octet_length(sqlite3_context *context, int n, sqlite3_value **values)
{
    if (sqlite3_value_type(values[0]) != SQLITE_NULL)
        sqlite3_result_int64(context, sqlite3_value_bytes(values[0]));
}

static int open_handle(struct sqlite_db *d, const char *path, enum sqlite_rules rules)
{
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | (rules == RULES_COPY ? SQLITE_OPEN_URI : 0) |
                (is_reader(rules) ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    int rc = sqlite3_open_v2(path, &d->handle, flags, NULL);

    if (!d->handle)
        return -ENOMEM;
    d->busy_max_us = 1000LL * (rules == RULES_STATE_READER ? READER_TIMEOUT_MS : SQLITE_BUSY_TIMEOUT_MS);
    (void)sqlite3_busy_handler(d->handle, on_busy, d);
    (void)sqlite3_create_function(d->handle, "octet_length", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL,
                                  octet_length, NULL, NULL);
    if (rc != SQLITE_OK)
        return sqlite_error(&d->db, rc);
    return is_reader(rules) ? 0 : check_writable_open(&d->db, path);
}

static char *wal_path_of(const char *path)
{
    size_t n = strlen(path) + sizeof "-wal";
    char *ret = mem_alloc(n);

    if (ret)
        (void)snprintf(ret, n, "%s-wal", path);
    return ret;
}

/* The file is remembered for sqlite_check_in_place(). A copy is nobody's yet, a reader of state.db keeps nothing. */
static int note_file(struct sqlite_db *d, const char *path, enum sqlite_rules rules)
{
    char **kept = rules == RULES_LOG_READER ? &d->read_path : &d->path;

    if (rules == RULES_STATE_READER || rules == RULES_COPY || strcmp(path, ":memory:") == 0)
        return 0;
    *kept = mem_strdup(path);
    if (!*kept)
        return -ENOMEM;
    if ((rules == RULES_LOG_WRITER || rules == RULES_OWNED) && !(d->wal_path = wal_path_of(path)))
        return -ENOMEM;
    return sqlite_file_at(path, &d->file);
}

static bool is_unfinished(const char *dir)
{
    char path[OWN_PATH_MAX];

    return own_path(dir, MOVE_MARK_FILE, path, sizeof path) == 0 && access(path, F_OK) == 0;
}

/* SQLite follows links; in the data folder there are none. A copy goes where the operator says. */
static int check_file(const char *path, enum sqlite_rules rules)
{
    const char *slash = strrchr(path, '/');
    char dir[OWN_PATH_MAX];

    if (!slash || rules == RULES_COPY)
        return 0;
    if ((size_t)(slash - path) >= sizeof dir)
        return -ENAMETOOLONG;
    str_copy((struct str){ path, (size_t)(slash - path) }, dir, sizeof dir);
    return is_unfinished(dir) ? -EINPROGRESS : own_file_check(dir, slash + 1);
}

int sqlite_open(const char *path, enum sqlite_rules rules, const struct db_schema *schema, int version_max,
                struct db **ret)
{
    struct sqlite_db *d = mem_zalloc(sizeof *d);
    struct db *db;
    int r;

    if (!d)
        return -ENOMEM;
    db = &d->db;
    db->engine = &sqlite_engine;
    r = check_file(path, rules);
    if (r == 0 && !is_reader(rules) && rules != RULES_COPY)
        r = sqlite_companions_check(path);
    if (r == 0 &&
        is_reader(rules)) /* before it is opened: a file that is put there meanwhile is another one */
        r = note_file(d, path, rules);
    if (r == 0)
        r = open_handle(d, path, rules);
    if (r == 0)
        r = set_rules(db, rules);
    if (r == 0 && schema)
        r = sqlite_migrate(db, schema);
    if (r == 0 && version_max > 0)
        r = sqlite_check_version(db, version_max);
    if (r == 0 && !is_reader(rules))
        r = note_file(d, path, rules);
    if (r == 0)
        *ret = db;
    else
        db_close(db);
    return r;
}

static int open_in(const char *dir, const char *file, enum sqlite_rules rules, const struct db_schema *schema,
                   struct db **ret)
{
    char *path = sqlite3_mprintf("%s/%s", dir, file);
    int r = path ? sqlite_open(path, rules, schema, 0, ret) : -ENOMEM;

    sqlite3_free(path);
    return r;
}

int db_open(const char *dir, const char *file, const struct db_schema *schema, struct db **ret)
{
    return open_in(dir, file, RULES_STATE, schema, ret);
}

int db_open_reader(const char *dir, const char *file, struct db **ret)
{
    return open_in(dir, file, RULES_STATE_READER, NULL, ret);
}

int db_open_memory(const struct db_schema *schema, struct db **ret)
{
    return sqlite_open(":memory:", RULES_STATE, schema, 0, ret);
}

void sqlite_close(struct db *db)
{
    struct sqlite_db *d = (struct sqlite_db *)db;

    (void)sqlite3_close_v2(d->handle); /* rolls an open transaction back */
    mem_free(d->path);
    mem_free(d->read_path);
    mem_free(d->wal_path);
    mem_free(d);
}
