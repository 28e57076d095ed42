/*
 * Online backup: a copy of a file that others write to, verified.
 */
#include "common/store/sqlite/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/store/db.h"
#include "common/store/sql.h"
#include "common/store/sqlite/file.h"
#include "common/store/sqlite/handle.h"
#include "common/store/sqlite/migrate.h"
#include "common/store/sqlite/open.h"

#define PATH_BYTES 4200

int db_quick_check(struct db *db)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r = sql_query(db, "PRAGMA quick_check(1)", &q, "");

    if (r == 0)
        r = sql_next(q);
    if (r != SQL_ROW)
        return r < 0 ? r : -EBADMSG;
    return str_eq(sql_text(q, 0), "ok") ? 0 : -EBADMSG;
}

static int copy_pages(struct db *from, struct db *to)
{
    sqlite3_backup *copy = sqlite3_backup_init(sqlite_handle(to), "main", sqlite_handle(from), "main");
    int rc;

    if (!copy)
        return sqlite_error(to, sqlite3_errcode(sqlite_handle(to)));
    rc = sqlite3_backup_step(copy, -1); /* one snapshot: a state.db is small */
    (void)sqlite3_backup_finish(copy);
    return rc == SQLITE_DONE ? 0 : sqlite_error(from, rc);
}

int sqlite_sync_dir(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r;

    if (fd < 0)
        return -errno;
    r = fsync(fd) == 0 || errno == EINVAL ? 0 : -errno;
    (void)close(fd);
    return r;
}

int sqlite_sync_file(const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    int r;

    if (fd < 0)
        return -errno;
    r = fsync(fd) == 0 ? 0 : -errno;
    (void)close(fd);
    return r;
}

int db_backup(struct db *db, const char *path)
{
    struct db *to = NULL;
    int r = sqlite_open(path, RULES_COPY, NULL, 0, &to);

    if (r == 0)
        r = copy_pages(db, to);
    if (r == 0)
        r = sql_exec(to, "PRAGMA application_id = 0"); /* the WAL of the original is none of the copy's */
    if (r == 0)
        r = db_quick_check(to);
    db_close(to);
    return r == 0 ? sqlite_sync_file(path) : r;
}

int db_verify(const char *dir, const char *file)
{
    char path[PATH_BYTES];
    struct db *db = NULL;
    int r;

    (void)snprintf(path, sizeof path, "%s/%s-wal", dir, file);
    if (access(path, F_OK) == 0)
        return -EUCLEAN; /* not made by db_backup(): a part of it is in there */
    (void)snprintf(path, sizeof path, "%s/%s", dir, file);
    if (access(path, R_OK) != 0)
        return -errno;
    r = db_open_reader(dir, file, &db);
    if (r == 0)
        r = sqlite_check_version(db, sqlite_known_schema(file));
    if (r == -ENOENT)
        r = -EBADMSG; /* a database, but not of zapkeep */
    if (r == 0)
        r = db_quick_check(db);
    db_close(db);
    return r;
}
