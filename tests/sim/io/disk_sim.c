/*
 * A file is its bytes and, per write since the last sync, the bytes from before: a power cut puts some of that
 * back. Locks are those of SQLite's documentation ("File Locking And Concurrency", "WAL-mode File Format"). Locks of a process that died are released, as the kernel does.
 */
#include "tests/sim/io/disk_sim.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "tests/sim/io/file_watch_sim.h"

#define FILES_MAX       64
#define PATH_MAX_BYTES  256
#define SHM_REGIONS_MAX 64
#define SHM_LOCKS       8

struct undo {
    sqlite3_int64 at, old_size;
    int n; /* of old bytes; fewer than were written at the end of the file */
    char *old;
};

struct shm {
    char *region[SHM_REGIONS_MAX];
    int n;
    int users;
    int shared[SHM_LOCKS];
    struct handle *exclusive[SHM_LOCKS];
};

struct file {
    char path[PATH_MAX_BYTES];
    bool exists;
    char *bytes;
    sqlite3_int64 size, cap;
    struct undo *undo;
    int n_undo, cap_undo;
    struct handle *reserved, *pending, *exclusive;
    int shared;
    struct shm shm;
    int64_t changes; /* writes, cuts and deletions */
};

struct handle {
    sqlite3_file base;
    struct file *file;
    struct process *process;
    int64_t life;
    int flags, lock;
    bool has_shm, open, wrote;
    int last_errno;
    unsigned int shm_shared, shm_exclusive; /* masks */
    struct handle *next, **back;
};

static struct {
    struct file files[FILES_MAX];
    int n;
    struct handle *handles;
    char fail_suffix[64];
    enum disk_fault fault;
    int64_t fail_permille;
    char slow_suffix[64];
    int64_t sync_max_ms;
} disk;

static bool ends_in(const char *path, const char *suffix)
{
    size_t n = strlen(path), m = strlen(suffix);

    return m > 0 && n >= m && strcmp(path + n - m, suffix) == 0;
}

static struct file *find_file(const char *path, bool make)
{
    for (int i = 0; i < disk.n; i++)
        if (strcmp(disk.files[i].path, path) == 0)
            return &disk.files[i];
    if (!make)
        return NULL;
    if (disk.n == FILES_MAX)
        abort();
    (void)snprintf(disk.files[disk.n].path, PATH_MAX_BYTES, "%s", path);
    return &disk.files[disk.n++];
}

/* ---- faults ---------------------------------------------------------------------------------- */

void disk_sim_fail(const char *suffix, enum disk_fault fault, int64_t permille)
{
    (void)snprintf(disk.fail_suffix, sizeof disk.fail_suffix, "%s", suffix);
    disk.fault = fault;
    disk.fail_permille = permille;
}

void disk_sim_heal(void)
{
    disk.fault = DISK_WELL;
    disk.slow_suffix[0] = '\0';
}

bool disk_sim_is_well(void)
{
    return disk.fault == DISK_WELL && !disk.slow_suffix[0];
}

void disk_sim_slow(const char *suffix, int64_t sync_max_ms)
{
    (void)snprintf(disk.slow_suffix, sizeof disk.slow_suffix, "%s", suffix);
    disk.sync_max_ms = sync_max_ms;
}

/* The world's own connections (checks) never fail. */
static bool fails(const struct handle *h)
{
    return disk.fault != DISK_WELL && h->process && ends_in(h->file->path, disk.fail_suffix) &&
           world_chance(disk.fail_permille);
}

static int write_fault(struct handle *h)
{
    if (disk.fault == DISK_SYNC_FAILS || !fails(h))
        return SQLITE_OK;
    h->last_errno = disk.fault == DISK_FULL ? ENOSPC : disk.fault == DISK_READ_ONLY ? EROFS : EIO;
    return disk.fault == DISK_FULL ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

/* ---- bytes ----------------------------------------------------------------------------------- */

static void grow(struct file *f, sqlite3_int64 size)
{
    if (size > f->cap) {
        f->cap = size * 2 > 65536 ? size * 2 : 65536;
        f->bytes = realloc(f->bytes, (size_t)f->cap);
        if (!f->bytes)
            abort();
    }
    if (size > f->size)
        memset(f->bytes + f->size, 0, (size_t)(size - f->size));
    f->size = size;
}

static void keep_undo(struct file *f, sqlite3_int64 at, sqlite3_int64 n)
{
    sqlite3_int64 kept = at >= f->size ? 0 : f->size - at < n ? f->size - at : n;
    struct undo *u;

    if (f->n_undo == f->cap_undo) {
        f->cap_undo = f->cap_undo ? 2 * f->cap_undo : 16;
        f->undo = realloc(f->undo, (size_t)f->cap_undo * sizeof *f->undo);
    }
    if (!f->undo)
        abort();
    u = &f->undo[f->n_undo++];
    *u = (struct undo){ .at = at, .old_size = f->size, .n = (int)kept, .old = malloc((size_t)kept + 1) };
    if (!u->old)
        abort();
    if (kept > 0)
        memcpy(u->old, f->bytes + at, (size_t)kept);
}

static void forget_undo(struct file *f)
{
    for (int i = 0; i < f->n_undo; i++)
        free(f->undo[i].old);
    f->n_undo = 0;
}

/* The last writes are undone, back to one that is drawn: the disk had taken those before it. */
static void lose_writes(struct file *f)
{
    int keep = (int)world_draw(f->n_undo + 1);

    for (int i = f->n_undo - 1; i >= keep; i--) {
        struct undo *u = &f->undo[i];

        if (u->n > 0)
            memcpy(f->bytes + u->at, u->old, (size_t)u->n);
        f->size = u->old_size;
    }
    forget_undo(f);
}

void disk_sim_power_cut(void)
{
    for (int i = 0; i < disk.n; i++)
        lose_writes(&disk.files[i]);
}

/* A transaction that could not be rolled back left its journal: the next reader has to do that, and needs the file for
 * itself. */
static bool needs_recovery(const struct file *f)
{
    char path[PATH_MAX_BYTES + sizeof "-journal"];
    const struct file *journal;

    (void)snprintf(path, sizeof path, "%s-journal", f->path);
    journal = find_file(path, false);
    return journal && journal->size > 0;
}

bool disk_sim_is_free(const char *suffix)
{
    for (int i = 0; i < disk.n; i++) {
        const struct file *f = &disk.files[i];

        if (ends_in(f->path, suffix) &&
            (f->pending || f->exclusive || ((f->shared > 0 || f->reserved) && needs_recovery(f))))
            return false;
    }
    return true;
}

bool disk_sim_may_write(const char *suffix)
{
    for (int i = 0; i < disk.n; i++)
        if (ends_in(disk.files[i].path, suffix) && (disk.files[i].reserved || disk.files[i].shared > 0))
            return false;
    return disk_sim_is_free(suffix);
}

int64_t disk_sim_commits(const char *suffix)
{
    int64_t n = 0;

    for (int i = 0; i < disk.n; i++)
        n += ends_in(disk.files[i].path, suffix) ? disk.files[i].changes : 0;
    return n;
}

/* ---- the file's methods ---------------------------------------------------------------------- */

static int do_read(sqlite3_file *base, void *to, int n, sqlite3_int64 at)
{
    struct file *f = ((struct handle *)base)->file;
    sqlite3_int64 there = at >= f->size ? 0 : f->size - at < n ? f->size - at : n;

    if (there > 0)
        memcpy(to, f->bytes + at, (size_t)there);
    if (there == n)
        return SQLITE_OK;
    memset((char *)to + there, 0, (size_t)(n - there));
    return SQLITE_IOERR_SHORT_READ;
}

static int do_write(sqlite3_file *base, const void *from, int n, sqlite3_int64 at)
{
    struct handle *h = (struct handle *)base;
    struct file *f = h->file;
    int rc;

    process_step();
    rc = write_fault(h);
    if (rc != SQLITE_OK)
        return rc;
    keep_undo(f, at, n);
    if (f->size == 0 && n > 0 &&
        truncate(f->path, n) != 0) /* the real file of that name is not empty either */
        return SQLITE_IOERR_WRITE;
    if (at + n > f->size)
        grow(f, at + n);
    memcpy(f->bytes + at, from, (size_t)n);
    f->changes++;
    h->wrote = true;
    return SQLITE_OK;
}

static int do_truncate(sqlite3_file *base, sqlite3_int64 size)
{
    struct handle *h = (struct handle *)base;
    struct file *f = h->file;
    int rc;

    process_step();
    rc = write_fault(h);
    if (rc != SQLITE_OK)
        return rc;
    if (size < f->size) {
        keep_undo(f, size, f->size - size);
        f->size = size;
    }
    f->changes++;
    h->wrote = true;
    return SQLITE_OK;
}

static int do_sync(sqlite3_file *base, int flags)
{
    struct handle *h = (struct handle *)base;

    process_step();
    if (h->process && ends_in(h->file->path, disk.slow_suffix) && process_current())
        (void)fiber_wait(world_now() + 1 + world_draw(disk.sync_max_ms));
    if (disk.fault == DISK_SYNC_FAILS && fails(h)) {
        h->last_errno = EIO;
        return SQLITE_IOERR_FSYNC;
    }
    forget_undo(h->file);
    return SQLITE_OK;
}

static int do_size(sqlite3_file *base, sqlite3_int64 *ret)
{
    *ret = ((struct handle *)base)->file->size;
    return SQLITE_OK;
}

/* ---- locks ----------------------------------------------------------------------------------- */

static void unlock_to(struct handle *h, int level)
{
    struct file *f = h->file;

    if (f->reserved == h)
        f->reserved = NULL;
    if (f->pending == h)
        f->pending = NULL;
    if (f->exclusive == h)
        f->exclusive = NULL;
    if (h->lock >= SQLITE_LOCK_SHARED && level == SQLITE_LOCK_NONE)
        f->shared--;
    h->lock = level;
}

static int do_unlock(sqlite3_file *base, int level)
{
    struct handle *h = (struct handle *)base;

    if (h->lock > level)
        unlock_to(h, level);
    return SQLITE_OK;
}

static int lock_shared(struct handle *h)
{
    struct file *f = h->file;

    if (f->pending || f->exclusive)
        return SQLITE_BUSY;
    f->shared++;
    h->lock = SQLITE_LOCK_SHARED;
    return SQLITE_OK;
}

static int lock_reserved(struct handle *h)
{
    struct file *f = h->file;

    if (f->reserved || f->pending || f->exclusive)
        return SQLITE_BUSY;
    f->reserved = h;
    h->lock = SQLITE_LOCK_RESERVED;
    return SQLITE_OK;
}

static int lock_exclusive(struct handle *h)
{
    struct file *f = h->file;

    if ((f->pending && f->pending != h) || (f->exclusive && f->exclusive != h) ||
        (f->reserved && f->reserved != h))
        return SQLITE_BUSY;
    f->pending = h;
    h->lock = SQLITE_LOCK_PENDING;
    if (f->shared > 1)
        return SQLITE_BUSY;
    f->exclusive = h;
    h->lock = SQLITE_LOCK_EXCLUSIVE;
    return SQLITE_OK;
}

static int do_lock(sqlite3_file *base, int level)
{
    struct handle *h = (struct handle *)base;

    if (h->lock >= level)
        return SQLITE_OK;
    process_step();
    if (level == SQLITE_LOCK_SHARED)
        return lock_shared(h);
    return level == SQLITE_LOCK_RESERVED ? lock_reserved(h) : lock_exclusive(h);
}

static int do_check_reserved(sqlite3_file *base, int *ret)
{
    const struct file *f = ((struct handle *)base)->file;

    *ret = f->reserved || f->pending || f->exclusive;
    return SQLITE_OK;
}

/* ---- shared memory --------------------------------------------------------------------------- */

static void shm_unlock(struct handle *h, int i)
{
    struct shm *s = &h->file->shm;
    unsigned int bit = 1U << i;

    if (h->shm_exclusive & bit)
        s->exclusive[i] = NULL;
    else if (h->shm_shared & bit)
        s->shared[i]--;
    h->shm_exclusive &= ~bit;
    h->shm_shared &= ~bit;
}

static int do_shm_map(sqlite3_file *base, int i, int bytes, int extend, void volatile **ret)
{
    struct handle *h = (struct handle *)base;
    struct shm *s = &h->file->shm;

    if (!h->has_shm)
        s->users++;
    h->has_shm = true;
    *ret = NULL;
    if (i >= SHM_REGIONS_MAX)
        return SQLITE_NOMEM;
    for (; extend && s->n <= i; s->n++)
        s->region[s->n] = calloc(1, (size_t)bytes);
    if (i < s->n)
        *ret = s->region[i];
    return SQLITE_OK;
}

static bool shm_is_free(const struct handle *h, int i, bool shared)
{
    const struct shm *s = &h->file->shm;
    int others = s->shared[i] - !!(h->shm_shared & 1U << i);

    return (!s->exclusive[i] || s->exclusive[i] == h) && (shared || others == 0);
}

static int do_shm_lock(sqlite3_file *base, int offset, int n, int flags)
{
    struct handle *h = (struct handle *)base;
    struct shm *s = &h->file->shm;
    bool shared = flags & SQLITE_SHM_SHARED;

    for (int i = offset; i < offset + n && (flags & SQLITE_SHM_LOCK); i++)
        if (!shm_is_free(h, i, shared))
            return SQLITE_BUSY;
    for (int i = offset; i < offset + n; i++) {
        unsigned int bit = 1U << i;

        if (flags & SQLITE_SHM_UNLOCK) {
            shm_unlock(h, i);
        } else if (shared && !(h->shm_shared & bit)) {
            s->shared[i]++;
            h->shm_shared |= bit;
        } else if (!shared) {
            s->exclusive[i] = h;
            h->shm_exclusive |= bit;
        }
    }
    return SQLITE_OK;
}

static void do_shm_barrier(sqlite3_file *base)
{
}

static int do_shm_unmap(sqlite3_file *base, int remove)
{
    struct handle *h = (struct handle *)base;
    struct shm *s = &h->file->shm;

    if (!h->has_shm)
        return SQLITE_OK;
    for (int i = 0; i < SHM_LOCKS; i++)
        shm_unlock(h, i);
    h->has_shm = false;
    if (--s->users > 0)
        return SQLITE_OK;
    for (int i = 0; i < s->n; i++)
        free(s->region[i]); /* whoever opens it next builds it anew from the WAL */
    s->n = 0;
    return SQLITE_OK;
}

/* ---- opening and closing --------------------------------------------------------------------- */

static void let_go(struct handle *h)
{
    (void)do_shm_unmap(&h->base, 0);
    unlock_to(h, SQLITE_LOCK_NONE);
    h->open = false;
    *h->back = h->next;
    if (h->next)
        h->next->back = h->back;
}

static int do_close(sqlite3_file *base)
{
    struct handle *h = (struct handle *)base;

    if (!h->open)
        return SQLITE_OK;
    let_go(h);
    if (h->flags & SQLITE_OPEN_DELETEONCLOSE)
        h->file->exists = false;
    if (h->wrote)
        file_watch_sim_happened(h->file->path, FILE_WATCH_CLOSED);
    return SQLITE_OK;
}

static void on_process_end(struct process *p)
{
    for (struct handle *h = disk.handles, *next; h; h = next) {
        next = h->next;
        if (h->process == p)
            let_go(h);
    }
}

static int do_control(sqlite3_file *base, int op, void *arg)
{
    if (op != SQLITE_FCNTL_LAST_ERRNO)
        return SQLITE_NOTFOUND;
    *(int *)arg = ((struct handle *)base)->last_errno;
    return SQLITE_OK;
}

static int do_sector(sqlite3_file *base)
{
    return 4096;
}

static int do_device(sqlite3_file *base)
{
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = do_close,
    .xRead = do_read,
    .xWrite = do_write,
    .xTruncate = do_truncate,
    .xSync = do_sync,
    .xFileSize = do_size,
    .xLock = do_lock,
    .xUnlock = do_unlock,
    .xCheckReservedLock = do_check_reserved,
    .xFileControl = do_control,
    .xSectorSize = do_sector,
    .xDeviceCharacteristics = do_device,
    .xShmMap = do_shm_map,
    .xShmLock = do_shm_lock,
    .xShmBarrier = do_shm_barrier,
    .xShmUnmap = do_shm_unmap,
};

/* A real file of that name, for those who ask the system about it: empty when this one is. */
static void make_real(const char *path)
{
    int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0640);

    if (fd >= 0)
        (void)close(fd);
}

static int do_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags, int *ret_flags)
{
    struct handle *h = (struct handle *)base;
    struct file *f = find_file(name ? name : "temporary", flags & SQLITE_OPEN_CREATE);

    h->base.pMethods = NULL;
    if (!f || (!f->exists && !(flags & SQLITE_OPEN_CREATE)))
        return SQLITE_CANTOPEN;
    if (!f->exists) {
        if (disk.fault == DISK_FULL && process_current() && ends_in(f->path, disk.fail_suffix))
            return SQLITE_FULL;
        f->exists = true;
        f->size = 0;
        make_real(f->path);
    }
    memset(h, 0, sizeof *h);
    h->base.pMethods = &methods;
    h->file = f;
    h->flags = flags;
    h->process = process_current();
    h->open = true;
    h->next = disk.handles;
    h->back = &disk.handles;
    if (h->next)
        h->next->back = &h->next;
    disk.handles = h;
    if (ret_flags)
        *ret_flags = flags;
    return SQLITE_OK;
}

static int do_delete(sqlite3_vfs *vfs, const char *name, int sync_dir)
{
    struct file *f = find_file(name, false);

    if (!f || !f->exists)
        return SQLITE_IOERR_DELETE_NOENT;
    process_step();
    f->exists = false;
    f->changes++;
    forget_undo(f);
    (void)unlink(name);
    return SQLITE_OK;
}

static int do_access(sqlite3_vfs *vfs, const char *name, int flags, int *ret)
{
    const struct file *f = find_file(name, false);

    *ret = f && f->exists;
    return SQLITE_OK;
}

static int do_full_path(sqlite3_vfs *vfs, const char *name, int n, char *ret)
{
    (void)snprintf(ret, (size_t)n, "%s", name);
    return SQLITE_OK;
}

static int do_random(sqlite3_vfs *vfs, int n, char *ret)
{
    for (int i = 0; i < n; i++)
        ret[i] = (char)(world_rand64() & 0xff);
    return n;
}

static int do_sleep(sqlite3_vfs *vfs, int us)
{
    if (process_current())
        (void)fiber_wait(world_now() + (us + 999) / 1000);
    return us;
}

static int do_time(sqlite3_vfs *vfs, sqlite3_int64 *ret)
{
    *ret = world_wall() + 210866760000000; /* Julian days, in ms */
    return SQLITE_OK;
}

static int do_last_error(sqlite3_vfs *vfs, int n, char *ret)
{
    return 0;
}

void disk_sim_open(void)
{
    static sqlite3_vfs vfs = {
        .iVersion = 2,
        .szOsFile = sizeof(struct handle),
        .mxPathname = PATH_MAX_BYTES,
        .zName = "sim",
        .xOpen = do_open,
        .xDelete = do_delete,
        .xAccess = do_access,
        .xFullPathname = do_full_path,
        .xRandomness = do_random,
        .xSleep = do_sleep,
        .xGetLastError = do_last_error,
        .xCurrentTimeInt64 = do_time,
    };

    /* One real thread; a fiber that never runs again must not keep a lock of SQLite's own. */
    (void)sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    (void)sqlite3_vfs_register(&vfs, 1);
    process_on_end(on_process_end);
}
