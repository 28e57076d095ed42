/*
 * The write-ahead log of events.db: small checkpoints, the readers in their way, and recovery after a crash.
 */
#include <errno.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/store/db.h"
#include "common/store/sql.h"
#include "common/store/sqlite/event_internal.h"
#include "common/store/sqlite/handle.h"

#define PATH_BYTES 4200
/* After a reader let a large WAL go, the file is cut back to this when it starts over. */
#define WAL_KEEP_PRAGMA "PRAGMA journal_size_limit = 67108864"
/* A page of 4096 bytes (SQLite's default, never changed here) and its frame header. */
#define WAL_FRAME_BYTES (4096 + 24)
/* Locks of SQLite on the -shm file (its "WAL-mode file format"): bytes 123 to 127 are the read marks. */
#define SHM_READ_FIRST 123
#define SHM_READ_LAST  127

/* ---- checkpoints ----------------------------------------------------------------------------- */

static int on_commit(void *ctx, sqlite3 *handle, const char *name, int frames)
{
    struct sqlite_log *l = ctx;

    if (frames < l->wal.frames) /* it has started over */
        l->wal.backfilled = 0;
    l->wal.frames = frames;
    return SQLITE_OK;
}

void sqlite_wal_watch(struct sqlite_log *l)
{
    (void)sqlite3_wal_hook(sqlite_handle(l->db), on_commit, l);
    (void)sql_exec(l->db, WAL_KEEP_PRAGMA);
}

void sqlite_log_wal(const struct event_log *log, struct event_wal *ret)
{
    const struct sqlite_log *l = sqlite_log(log);

    *ret = l->wal;
    ret->bytes = l->wal.frames * WAL_FRAME_BYTES;
}

static int checkpoint(struct sqlite_log *l, int mode)
{
    int frames = -1;
    int moved = -1;
    int rc = sqlite3_wal_checkpoint_v2(sqlite_handle(l->db), NULL, mode, &frames, &moved);

    if (frames >= 0 && moved >= 0) {
        l->wal.frames = frames;
        l->wal.backfilled = moved;
    }
    return sqlite_error(l->db, rc);
}

int sqlite_log_checkpoint(struct event_log *l)
{
    int r = checkpoint(sqlite_log(l), SQLITE_CHECKPOINT_PASSIVE);

    return r == -EAGAIN ? 0 : r; /* a reader is in the way: next time */
}

int sqlite_log_truncate(struct event_log *log)
{
    struct sqlite_log *l = sqlite_log(log);
    int r = checkpoint(l, SQLITE_CHECKPOINT_PASSIVE);

    if (r != 0)
        return r;
    (void)sqlite3_busy_timeout(sqlite_handle(l->db), 0); /* we do not wait for a reader */
    r = checkpoint(l, SQLITE_CHECKPOINT_TRUNCATE);
    (void)sqlite3_busy_timeout(sqlite_handle(l->db), SQLITE_BUSY_TIMEOUT_MS);
    return r;
}

/* ---- who holds a snapshot --------------------------------------------------------------------------------
 * From /proc/locks, not by F_GETLK: that needs the file open, and closing it again would drop SQLite's own
 * locks on it (POSIX locks belong to the process, not to the descriptor).
 */

struct lock_line {
    int64_t pid;
    unsigned int major, minor;
    uint64_t inode, from, to;
};

/* "12: POSIX  ADVISORY  READ 4711 08:01:131 123 123"; false for other kinds of lines. */
static bool parse_lock(const char *line, struct lock_line *ret)
{
    int n = sscanf(line, "%*[^:]: POSIX %*s %*s %" SCNd64 " %x:%x:%" SCNu64 " %" SCNu64 " %" SCNu64,
                   &ret->pid, &ret->major, &ret->minor, &ret->inode, &ret->from, &ret->to);

    return n == 6;
}

static int collect_holders(FILE *f, const struct stat *shm, int64_t *ret_pids, int max)
{
    struct lock_line lock;
    char line[256];
    int n = 0;

    while (n < max && fgets(line, sizeof line, f)) {
        if (!parse_lock(line, &lock) || lock.inode != shm->st_ino || lock.major != major(shm->st_dev) ||
            lock.minor != minor(shm->st_dev))
            continue;
        if (lock.to < SHM_READ_FIRST || lock.from > SHM_READ_LAST || lock.pid == getpid())
            continue;
        ret_pids[n++] = lock.pid > 0 ? lock.pid : 0;
    }
    return n;
}

int sqlite_log_holders(const struct event_log *l, int64_t *ret_pids, int max)
{
    char path[PATH_BYTES];
    struct stat shm;
    FILE *f;
    int n;

    (void)snprintf(path, sizeof path, "%s/%s-shm", sqlite_log(l)->dir, EVENTS_DB_FILE);
    if (stat(path, &shm) != 0)
        return 0;
    f = fopen("/proc/locks", "re");
    if (!f)
        return 0;
    n = collect_holders(f, &shm, ret_pids, max);
    (void)fclose(f);
    return n;
}

/* ---- after a crash ---------------------------------------------------------------------------------------
 * When an fsync fails, Linux forgets that the pages are dirty: the WAL then reads well from memory and is not
 * on disk, and the next fsync "succeeds". A commit that stands after such a tail would be lost in a power cut
 * although its own fsync went well, because recovery reads the WAL up to its first bad frame. So the WAL of a
 * former run is written once more and synced before anything is added. It goes through
 * SQLite's own file layer, which is where the tests take the power away.
 */

/* SQLite writes less than 128 KiB at a time (it masks the length). */
#define CHUNK_BYTES (64 * 1024)

static int rewrite_chunks(sqlite3_file *file, char *chunk)
{
    sqlite3_int64 size = 0;
    int rc = file->pMethods->xFileSize(file, &size);

    for (sqlite3_int64 at = 0; rc == SQLITE_OK && at < size; at += CHUNK_BYTES) {
        int n = size - at < CHUNK_BYTES ? (int)(size - at) : CHUNK_BYTES;

        rc = file->pMethods->xRead(file, chunk, n, at);
        if (rc == SQLITE_OK)
            rc = file->pMethods->xWrite(file, chunk, n, at);
    }
    return rc == SQLITE_OK && size > 0 ? file->pMethods->xSync(file, SQLITE_SYNC_NORMAL) : rc;
}

static int rewrite_open(sqlite3_vfs *vfs, sqlite3_file *file, const char *path, char *chunk)
{
    int rc = vfs->xOpen(vfs, path, file, SQLITE_OPEN_WAL | SQLITE_OPEN_READWRITE, NULL);

    if (rc == SQLITE_OK)
        rc = rewrite_chunks(file, chunk);
    if (file->pMethods)
        (void)file->pMethods->xClose(file);
    if ((rc & 0xff) == SQLITE_FULL)
        return -ENOSPC;
    return rc == SQLITE_OK ? 0 : -EIO;
}

int sqlite_wal_rewrite(const char *dir)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    CLEANUP(mem_freep) sqlite3_file *file = NULL;
    CLEANUP(mem_freep) char *chunk = NULL;
    char path[PATH_BYTES] = ""; /* the VFS looks for parameters after the NUL: zeroes end them */
    int there = 0;

    if (sqlite3_initialize() != SQLITE_OK || !(vfs = sqlite3_vfs_find(NULL)))
        return -ENOMEM;
    (void)snprintf(path, sizeof path - 2, "%s/%s-wal", dir, EVENTS_DB_FILE);
    if (vfs->xAccess(vfs, path, SQLITE_ACCESS_EXISTS, &there) != SQLITE_OK || !there)
        return 0;
    file = mem_zalloc((size_t)vfs->szOsFile);
    chunk = mem_alloc(CHUNK_BYTES);
    return file && chunk ? rewrite_open(vfs, file, path, chunk) : -ENOMEM;
}
