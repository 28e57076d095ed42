/* A SQLite connection and its statements, for the files of this folder alone. */
#pragma once

#include <stdbool.h>

#include "common/store/engine.h"
#include "common/store/sqlite/file.h"

struct sqlite3;

/* A writer of state.db holds the lock for one small transaction, an fsync or two: 10 s covers a slow disk. */
#define SQLITE_BUSY_TIMEOUT_MS 10000

struct sqlite_db {
    struct db db; /* first */
    struct sqlite3 *handle;
    int64_t busy_us; /* when it began to wait for a lock */
    int64_t busy_max_us;
    char *path;              /* owned; NULL: in memory, or a reader */
    char *read_path;         /* owned; of a reader of the log: for sqlite_log_is_stale() */
    struct sqlite_file file; /* at path or read_path when it was opened */
    char *wal_path;          /* owned; of a writer with a write-ahead log */
    struct sqlite_file wal;  /* at wal_path when it was seen first; {0}: not seen yet */
};

struct sqlite3 *sqlite_handle(const struct db *db);
/* Translates a code of SQLite's, keeps its text for db_error(). 0 for SQLITE_OK, _ROW and _DONE. */
int sqlite_error(struct db *db, int rc);
/* A write was committed: is the file still the one at its path, and its write-ahead log, too? Returns 0, or -ESTALE. Where the
 * log alone is gone, all that stands in it is copied into the file. */
int sqlite_check_in_place(struct db *db);
