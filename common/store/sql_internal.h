/* The inside of struct db, shared by db.c, db_*.c and sql.c alone. */
#pragma once

#include <stdbool.h>

#include "common/store/db.h"
#include "common/store/db_file.h"

struct sqlite3;
struct sql;

struct db {
    struct sqlite3 *handle;
    struct sql *cache; /* prepared statements, most of them not in use */
    bool reading;      /* between db_begin_reads() and db_end_reads() */
    int64_t busy_us;   /* when it began to wait for a lock */
    int64_t busy_max_us;
    bool sync_failed;
    char *path;          /* owned; NULL: in memory, or a reader */
    struct db_file file; /* at path when it was opened */
    char error[256];     /* of the last failure */
};

void sql_cache_free(struct db *db);

/* A write was committed: is the file still the one at its path? Returns 0, or -ESTALE. */
int db_check_in_place(struct db *db);

/* db_migrate.c */
int db_read_version(struct db *db, int *ret);
int db_migrate(struct db *db, const struct db_schema *schema);
/* -ENOENT: made, but not filled yet; -EPROTONOSUPPORT: newer than @version_max. */
int db_check_version(struct db *db, int version_max);
