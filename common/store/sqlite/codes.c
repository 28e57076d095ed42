/*
 * The one place where SQLite's codes become ours.
 */
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>

#include "common/store/sqlite/handle.h"
#include "common/store/sqlite/transactions.h"

static int cantopen_code(sqlite3 *handle)
{
    switch (sqlite3_system_errno(handle)) {
    case EACCES:
    case EPERM:
        return -EACCES;
    case EROFS:
        return -EROFS;
    case ENOSPC:
    case EDQUOT:
        return -ENOSPC;
    case EMFILE:
    case ENFILE:
        return -EMFILE;
    default:
        return -ENOENT;
    }
}

/* The errno of the file that failed; sqlite3_system_errno() is overwritten by the clean-up after
 * it. */
static int last_errno(sqlite3 *handle)
{
    sqlite3_file *log = NULL;
    int e = 0;

    (void)sqlite3_file_control(handle, "main", SQLITE_FCNTL_JOURNAL_POINTER,
                               &log); /* the journal, or the WAL */
    if (log && log->pMethods)
        (void)log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &e);
    if (e == 0)
        (void)sqlite3_file_control(handle, "main", SQLITE_FCNTL_LAST_ERRNO, &e);
    return e;
}

static int ioerr_code(sqlite3 *handle, int extended)
{
    if (extended == SQLITE_IOERR_NOMEM)
        return -ENOMEM;
    switch (last_errno(handle)) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return -ENOSPC;
    case EROFS:
        return -EROFS;
    default:
        return -EIO;
    }
}

static bool is_sync_failure(int extended)
{
    return extended == SQLITE_IOERR_FSYNC || extended == SQLITE_IOERR_DIR_FSYNC;
}

static int translate(sqlite3 *handle, int extended)
{
    switch (extended & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return 0;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return -EAGAIN;
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_READONLY:
        return -EROFS;
    case SQLITE_IOERR:
        return is_sync_failure(extended) ? -EIO : ioerr_code(handle, extended);
    case SQLITE_CANTOPEN:
        return cantopen_code(handle);
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return -EACCES;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return -EBADMSG;
    case SQLITE_NOMEM:
        return -ENOMEM;
    default:
        return -EPROTO;
    }
}

struct sqlite3 *sqlite_handle(const struct db *db)
{
    return ((const struct sqlite_db *)db)->handle;
}

/* While it is open, SQLite keeps the log's file: it makes a new one only when the last program closes. */
static bool is_wal_lost(struct sqlite_db *d)
{
    if (!d->wal_path)
        return false;
    if (d->wal.ino == 0) {
        (void)sqlite_file_at(d->wal_path, &d->wal);
        return false;
    }
    return !sqlite_file_is_at(&d->wal, d->wal_path);
}

int sqlite_check_in_place(struct db *db)
{
    struct sqlite_db *d = (struct sqlite_db *)db;
    bool file_lost;

    if (!d->path)
        return 0;
    file_lost = !sqlite_file_is_at(&d->file, d->path);
    if (!file_lost && !is_wal_lost(d))
        return 0;
    if (!file_lost) { /* we have the log open: whoever opens the file next has not */
        sqlite_rollback(db);
        (void)sqlite3_wal_checkpoint_v2(d->handle, NULL, SQLITE_CHECKPOINT_FULL, NULL, NULL);
    }
    (void)snprintf(db->error, sizeof db->error, "%.200s was replaced or removed while it was open",
                   file_lost ? d->path : d->wal_path);
    db->broken = true;
    return -ESTALE;
}

int sqlite_error(struct db *db, int rc)
{
    int r = rc == SQLITE_OK ? 0 : translate(sqlite_handle(db), rc);

    if (r != 0 && sqlite_check_in_place(db) != 0)
        return -ESTALE; /* in place of SQLite's own code */
    if (r != 0) {
        (void)snprintf(db->error, sizeof db->error, "%s", sqlite3_errmsg(sqlite_handle(db)));
        db->broken = db->broken || is_sync_failure(rc);
    }
    return r;
}
