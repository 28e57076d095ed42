/*
 * E1 after power loss, not assumed but done: each event that was answered 2xx is in the log, once, with its seq.
 *
 * The log is written through a file layer of SQLite (a VFS) that remembers, per file, the bytes on disk and
 * which writes were not synced yet. At every sync of a workload the power goes: the disk is made as it would
 * be then, with none, all, some or parts of the writes that were not synced, and a new process opens it. The
 * same when an fsync fails, and Linux forgets that the pages were dirty. The name of a new file is on disk
 * only when its directory was synced.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/store/sql.h"
#include "common/store/store.h"
#include "services/webhook-ingest/commit.h"
#include "tests/unit/test_folder.h"

#define T0         1800000000000LL
#define SECTOR     512
#define FILES_MAX  4
#define EVENTS_MAX 4000
#define COMMITS    40
#define BATCH_MAX  12
#define PATH_BYTES 512

/* ---- the disk -------------------------------------------------------------------------------- */

struct write {
    sqlite3_int64 at;
    int n; /* < 0: cut to `at` bytes */
    char *data;
};

struct disk_file {
    char name[PATH_BYTES]; /* the last part of the path */
    bool exists;           /* its name is on disk: the directory was synced */
    bool sync_dir;         /* new: SQLite syncs the directory of its journals after their first sync */
    bool removed;          /* it was deleted, and that may not be on disk */
    char *bytes;
    sqlite3_int64 size;
    struct write *pending;
    int n_pending, cap_pending;
};

enum power { POWER_NONE, POWER_ALL, POWER_SOME, POWER_TORN, POWER_N };

static struct {
    struct disk_file files[FILES_MAX];
    int n;
    struct rng rng;
    void (*on_sync)(void); /* just before a sync takes effect */
    struct disk_file *syncing;
    int fail_sync_in; /* this many syncs from now one fails; -1: none */
    int syncs;
} disk;

static struct disk_file *disk_find(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;

    for (int i = 0; i < disk.n; i++) {
        if (strcmp(disk.files[i].name, name) == 0)
            return &disk.files[i];
    }
    assert_true(disk.n < FILES_MAX);
    (void)snprintf(disk.files[disk.n].name, PATH_BYTES, "%s", name);
    return &disk.files[disk.n++];
}

static void resize(char **bytes, sqlite3_int64 *size, sqlite3_int64 to)
{
    *bytes = realloc(*bytes, (size_t)to + 1);
    assert_non_null(*bytes);
    if (to > *size)
        memset(*bytes + *size, 0, (size_t)(to - *size));
    *size = to;
}

static void apply(const struct write *w, char **bytes, sqlite3_int64 *size)
{
    if (w->n < 0) {
        resize(bytes, size, w->at);
        return;
    }
    if (w->at + w->n > *size)
        resize(bytes, size, w->at + w->n);
    if (w->data)
        memcpy(*bytes + w->at, w->data, (size_t)w->n);
}

/* Some of its sectors only. */
static void apply_torn(const struct write *w, char **bytes, sqlite3_int64 *size)
{
    for (int at = 0; w->n > 0 && at < w->n; at += SECTOR) {
        int n = w->n - at < SECTOR ? w->n - at : SECTOR;
        struct write part = { w->at + at, n, w->data + at };

        if (rng_below(&disk.rng, 2))
            apply(&part, bytes, size);
    }
}

static void forget_pending(struct disk_file *f)
{
    for (int i = 0; i < f->n_pending; i++)
        free(f->pending[i].data);
    f->n_pending = 0;
}

static void disk_sync(struct disk_file *f)
{
    for (int i = 0; i < f->n_pending; i++)
        apply(&f->pending[i], &f->bytes, &f->size);
    forget_pending(f);
}

/* It is gone, name and all. */
static void disk_forget(struct disk_file *f)
{
    forget_pending(f);
    free(f->bytes);
    f->bytes = NULL;
    f->size = 0;
    f->exists = false;
}

static void disk_sync_dir(void)
{
    for (int i = 0; i < disk.n; i++) {
        disk.files[i].exists = true;
        if (disk.files[i].removed)
            disk_forget(&disk.files[i]);
    }
}

static void disk_write(struct disk_file *f, sqlite3_int64 at, int n, const void *data)
{
    if (f->n_pending == f->cap_pending) {
        f->cap_pending = f->cap_pending ? 2 * f->cap_pending : 64;
        f->pending = realloc(f->pending, (size_t)f->cap_pending * sizeof *f->pending);
        assert_non_null(f->pending);
    }
    f->pending[f->n_pending] = (struct write){ .at = at, .n = n };
    if (n > 0) {
        f->pending[f->n_pending].data = malloc((size_t)n);
        memcpy(f->pending[f->n_pending].data, data, (size_t)n);
    }
    f->n_pending++;
}

/* The file as the next start of the machine finds it. */
static void save_after(const struct disk_file *f, enum power power, const char *dir)
{
    char path[2 * PATH_BYTES];
    char *bytes = NULL;
    sqlite3_int64 size = 0;
    FILE *out;

    if (!f->exists && (power == POWER_NONE || (power == POWER_SOME && rng_below(&disk.rng, 2))))
        return;
    if (f->removed && (power == POWER_ALL || rng_below(&disk.rng, 2)))
        return;
    resize(&bytes, &size, f->size);
    if (f->size > 0)
        memcpy(bytes, f->bytes, (size_t)f->size);
    for (int i = 0; i < f->n_pending; i++) {
        if (power == POWER_TORN)
            apply_torn(&f->pending[i], &bytes, &size);
        else if (power == POWER_ALL || (power == POWER_SOME && rng_below(&disk.rng, 2)))
            apply(&f->pending[i], &bytes, &size);
    }
    (void)snprintf(path, sizeof path, "%s/%s", dir, f->name);
    out = fopen(path, "w");
    assert_non_null(out);
    assert_int_equal(fwrite(bytes, 1, (size_t)size, out), size);
    assert_int_equal(fclose(out), 0);
    free(bytes);
}

/* ---- the file layer -------------------------------------------------------------------------- */

struct layer_file {
    sqlite3_file base;
    struct disk_file *disk; /* NULL: not one that matters */
    sqlite3_file *real;
};

static sqlite3_vfs *real_vfs;
static sqlite3_vfs layer;

static sqlite3_file *real_of(sqlite3_file *f)
{
    return ((struct layer_file *)f)->real;
}

static struct disk_file *disk_of(sqlite3_file *f)
{
    return ((struct layer_file *)f)->disk;
}

static int on_close(sqlite3_file *f)
{
    int rc = real_of(f)->pMethods->xClose(real_of(f));

    free(real_of(f));
    return rc;
}

static int on_read(sqlite3_file *f, void *data, int n, sqlite3_int64 at)
{
    return real_of(f)->pMethods->xRead(real_of(f), data, n, at);
}

static int on_write(sqlite3_file *f, const void *data, int n, sqlite3_int64 at)
{
    if (disk_of(f))
        disk_write(disk_of(f), at, n, data);
    return real_of(f)->pMethods->xWrite(real_of(f), data, n, at);
}

static int on_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    if (disk_of(f))
        disk_write(disk_of(f), size, -1, NULL);
    return real_of(f)->pMethods->xTruncate(real_of(f), size);
}

static int on_sync(sqlite3_file *f, int flags)
{
    (void)flags;
    if (!disk_of(f))
        return SQLITE_OK;
    disk.syncs++;
    if (disk.fail_sync_in >= 0 && disk.fail_sync_in-- == 0) {
        forget_pending(disk_of(f)); /* Linux: the pages stay readable and are taken for clean */
        return SQLITE_IOERR_FSYNC;
    }
    disk.syncing = disk_of(f);
    if (disk.on_sync)
        disk.on_sync();
    disk_sync(disk_of(f));
    if (disk_of(f)->sync_dir)
        disk_sync_dir();
    disk_of(f)->sync_dir = false;
    return SQLITE_OK;
}

static int on_size(sqlite3_file *f, sqlite3_int64 *ret)
{
    return real_of(f)->pMethods->xFileSize(real_of(f), ret);
}

static int on_lock(sqlite3_file *f, int kind)
{
    return real_of(f)->pMethods->xLock(real_of(f), kind);
}

static int on_unlock(sqlite3_file *f, int kind)
{
    return real_of(f)->pMethods->xUnlock(real_of(f), kind);
}

static int on_check_lock(sqlite3_file *f, int *ret)
{
    return real_of(f)->pMethods->xCheckReservedLock(real_of(f), ret);
}

static int on_control(sqlite3_file *f, int op, void *arg)
{
    return real_of(f)->pMethods->xFileControl(real_of(f), op, arg);
}

static int on_sector(sqlite3_file *f)
{
    return real_of(f)->pMethods->xSectorSize(real_of(f));
}

static int on_device(sqlite3_file *f)
{
    return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f));
}

static int on_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **ret)
{
    return real_of(f)->pMethods->xShmMap(real_of(f), page, size, extend, ret);
}

static int on_shm_lock(sqlite3_file *f, int at, int n, int flags)
{
    return real_of(f)->pMethods->xShmLock(real_of(f), at, n, flags);
}

static void on_shm_barrier(sqlite3_file *f)
{
    real_of(f)->pMethods->xShmBarrier(real_of(f));
}

static int on_shm_unmap(sqlite3_file *f, int unlink_it)
{
    return real_of(f)->pMethods->xShmUnmap(real_of(f), unlink_it);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = on_close,
    .xRead = on_read,
    .xWrite = on_write,
    .xTruncate = on_truncate,
    .xSync = on_sync,
    .xFileSize = on_size,
    .xLock = on_lock,
    .xUnlock = on_unlock,
    .xCheckReservedLock = on_check_lock,
    .xFileControl = on_control,
    .xSectorSize = on_sector,
    .xDeviceCharacteristics = on_device,
    .xShmMap = on_shm_map,
    .xShmLock = on_shm_lock,
    .xShmBarrier = on_shm_barrier,
    .xShmUnmap = on_shm_unmap,
};

static int on_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *f, int flags, int *ret_flags)
{
    struct layer_file *file = (struct layer_file *)f;
    bool is_new = path && access(path, F_OK) != 0;
    int rc;

    (void)vfs;
    *file = (struct layer_file){ .real = calloc(1, (size_t)real_vfs->szOsFile) };
    rc = real_vfs->xOpen(real_vfs, path, file->real, flags, ret_flags);
    if (rc != SQLITE_OK) {
        free(file->real);
        return rc;
    }
    file->base.pMethods = &methods;
    if (path && (flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL))) {
        file->disk = disk_find(path);
        if (file->disk->removed)
            disk_forget(file->disk);
        file->disk->removed = false;
        if (is_new)
            file->disk->sync_dir = !(flags & SQLITE_OPEN_MAIN_DB);
    }
    return SQLITE_OK;
}

static int on_delete(sqlite3_vfs *vfs, const char *path, int sync_dir)
{
    struct disk_file *f = disk_find(path);

    (void)vfs;
    if (disk.on_sync)
        disk.on_sync();
    f->removed = true;
    if (sync_dir)
        disk_forget(f);
    return real_vfs->xDelete(real_vfs, path, sync_dir);
}

static void layer_install(void)
{
    real_vfs = sqlite3_vfs_find("unix");
    layer = *real_vfs;
    layer.zName = "power";
    layer.szOsFile = sizeof(struct layer_file);
    layer.xOpen = on_open;
    layer.xDelete = on_delete;
    assert_int_equal(sqlite3_vfs_register(&layer, 1), SQLITE_OK);
    memset(&disk, 0, sizeof disk);
    disk.fail_sync_in = -1;
    rng_init(&disk.rng, 7);
}

static void layer_remove(void)
{
    (void)sqlite3_vfs_unregister(&layer);
    for (int i = 0; i < disk.n; i++) {
        forget_pending(&disk.files[i]);
        free(disk.files[i].pending);
        free(disk.files[i].bytes);
    }
    disk.n = 0;
}

/* Ours, and SQLite's when it removes its journal. */
int fsync(int fd)
{
    struct stat st;

    if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
        disk_sync_dir();
    return 0;
}

/* ---- the workload: events that were answered, and those of waiting senders ---------------------- */

static struct {
    struct event_log *log;
    char dir[PATH_BYTES];
    int64_t seq[EVENTS_MAX]; /* event n was answered with this seq; 0: not yet */
    int n;                   /* events sent so far */
    int checks;              /* power cuts survived */
    struct rng rng;
    int64_t now;
} work;

struct sent {
    struct commit_item item;
    int event;
    uint8_t digest[EVENT_DIGEST_BYTES];
    char body[40];
};

static void fill(struct sent *s, int event)
{
    memset(s, 0, sizeof *s);
    s->event = event;
    memcpy(s->digest, &event, sizeof event);
    (void)snprintf(s->body, sizeof s->body, "{\"event\":%d}", event);
    s->item.event = (struct event_new){ .at = T0,
                                        .type = STR_LIT("message.received"),
                                        .bridge = STR_LIT("main"),
                                        .session = STR_LIT("s1"),
                                        .message_id = STR_LIT(""),
                                        .body = str_from(s->body),
                                        .key_time_ms = T0 + event / 5,
                                        .key_digest = s->digest };
}

/* Commits events (numbers) and returns the result; events that were answered 2xx are noted. */
static int send(struct event_log *log, const int *events, int n, int64_t *seqs)
{
    static const struct event_retention keep = { .cursor_min = INT64_MAX };
    struct sent sent[EVENT_READ_ROWS_MAX];
    struct commit_done done;
    struct list items;

    list_init(&items);
    for (int i = 0; i < n; i++) {
        fill(&sent[i], events[i]);
        list_append(&items, &sent[i].item.link);
    }
    commit_batch(log, &items, &keep, work.now, &done);
    for (int i = 0; i < n; i++) {
        int r = sent[i].item.result;

        if (r != 0 && r != EVENT_DUPLICATE)
            continue;
        if (seqs[events[i]] != 0)
            assert_int_equal(seqs[events[i]], sent[i].item.seq);
        seqs[events[i]] = sent[i].item.seq;
    }
    return done.result;
}

/* New events, and now and then a sender's retry. */
static int send_some(void)
{
    int events[BATCH_MAX];
    int n = 1 + (int)rng_below(&work.rng, BATCH_MAX);

    for (int i = 0; i < n; i++) {
        bool retry = work.n > 0 && rng_below(&work.rng, 5) == 0;

        events[i] = retry ? (int)rng_below(&work.rng, (uint64_t)work.n) : work.n++;
    }
    return send(work.log, events, n, work.seq);
}

/* ---- invariants after the power came back ------------------------------------------- */

static void check_rows(const char *dir, const int64_t *answered, int sent)
{
    CLEANUP(event_rows_fini) struct event_rows rows = EVENT_ROWS_NULL;
    static int seen[EVENTS_MAX];
    struct event_reader *reader = NULL;
    int64_t next = 1;

    memset(seen, 0, sizeof seen);
    assert_int_equal(event_reader_open(dir, &reader), 0);
    do {
        assert_int_equal(event_read(reader, next, NULL, EVENT_READ_ROWS_MAX, &rows), 0);
        for (int i = 0; i < rows.n; i++) {
            int event = -1;

            assert_int_equal(rows.rows[i].seq, next + i); /* dense */
            assert_int_equal(sscanf(rows.rows[i].body.p, "{\"event\":%d}", &event), 1);
            assert_in_range(event, 0, sent - 1);
            assert_int_equal(seen[event]++, 0); /* once */
            if (answered[event])
                assert_int_equal(answered[event], rows.rows[i].seq);
        }
        next = rows.next_seq;
    } while (rows.n > 0);
    event_reader_close(reader);
    for (int i = 0; i < sent; i++) {
        if (answered[i] && !seen[i])
            fail_msg("event %d was answered with seq %lld and is gone", i, (long long)answered[i]);
    }
}

static void remove_files(const char *dir)
{
    static const char *const names[] = { "events.db", "events.db-wal", "events.db-shm", "events.db-id",
                                         "events.lock" };
    char path[2 * PATH_BYTES];

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(dir);
}

/* Every sender that got no answer sends again: nothing twice, nothing refused. */
static void send_the_rest(struct event_log *log, int64_t *seqs, int sent)
{
    int events[EVENT_READ_ROWS_MAX];
    int n = 0;

    for (int i = 0; i < sent; i++) {
        if (seqs[i] == 0 && n < EVENT_READ_ROWS_MAX)
            events[n++] = i;
    }
    assert_int_equal(send(log, events, n, seqs), 0);
}

static void start_machine(enum power power)
{
    static int64_t seqs[EVENTS_MAX];
    char dir[] = "/tmp/zk_power_XXXXXX";
    struct event_log *log = NULL;
    int64_t pid = 0;

    assert_non_null(test_folder(dir));
    for (int i = 0; i < disk.n; i++)
        save_after(&disk.files[i], power, dir);
    assert_int_equal(sqlite3_vfs_register(real_vfs, 1), SQLITE_OK);
    memcpy(seqs, work.seq, sizeof seqs);
    assert_int_equal(event_log_open(dir, &log, &pid), 0);
    check_rows(dir, seqs, work.n);
    send_the_rest(log, seqs, work.n);
    event_log_close(log);
    check_rows(dir, seqs, work.n);
    remove_files(dir);
    assert_int_equal(sqlite3_vfs_register(&layer, 1), SQLITE_OK);
    work.checks++;
}

static void lose_power(void)
{
    for (int power = POWER_NONE; power < POWER_N; power++)
        start_machine((enum power)power);
}

/* ---- the tests ------------------------------------------------------------------------------- */

static void open_log(void)
{
    int64_t pid = 0;

    assert_int_equal(event_log_open(work.dir, &work.log, &pid), 0);
}

static int setup(void **state)
{
    (void)state;
    layer_install();
    memset(&work, 0, sizeof work);
    work.now = T0;
    rng_init(&work.rng, 11);
    (void)snprintf(work.dir, sizeof work.dir, "/tmp/zk_power_XXXXXX");
    assert_non_null(test_folder(work.dir));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    disk.on_sync = NULL;
    event_log_close(work.log);
    remove_files(work.dir);
    layer_remove();
    return 0;
}

static void run_workload(int commits)
{
    for (int i = 0; i < commits; i++) {
        assert_int_equal(send_some(), 0);
        lose_power(); /* between two syncs too */
        if (i % 7 == 3)
            assert_int_equal(event_log_checkpoint(work.log), 0);
        if (i % 17 == 16)
            assert_int_equal(event_log_truncate(work.log), 0);
    }
}

static void test_power_loss_at_every_sync(void **state)
{
    (void)state;
    disk.on_sync = lose_power;
    open_log();
    run_workload(COMMITS);
    assert_true(disk.syncs >= COMMITS);
    assert_true(work.checks >= 2 * COMMITS * POWER_N);
    print_message("%d syncs, %d power cuts, %d events\n", disk.syncs, work.checks, work.n);
}

/* The nth sync fails; the process ends as it has to, starts again, goes on, and then the power goes. */
static void fail_sync(int nth)
{
    int r = 0;

    open_log();
    disk.fail_sync_in = nth;
    for (int i = 0; i < 6 && r == 0; i++) {
        r = send_some();
        if (r == 0 && i % 2)
            r = event_log_checkpoint(work.log);
    }
    assert_int_equal(r, -EIO);
    assert_true(event_log_sync_failed(work.log));
    event_log_close(work.log);
    work.log = NULL;
    open_log();
    for (int i = 0; i < 3; i++) {
        assert_int_equal(send_some(), 0);
        lose_power();
    }
    event_log_close(work.log);
    work.log = NULL;
    lose_power();
}

static void test_failed_fsync_then_power_loss(void **state)
{
    (void)state;
    for (int nth = 0; nth < 6; nth++)
        fail_sync(nth);
    print_message("%d power cuts, %d events\n", work.checks, work.n);
}

/* ---- a process that dies between making a file and syncing it -------------------------------- */

static void die_at_the_wal(void)
{
    if (strcmp(disk.syncing->name, "events.db-wal") == 0)
        _exit(0);
}

/* The bytes that the dead process left in a file: read by everybody, and on disk or not. */
static void find_left_over(const char *name, bool synced)
{
    char path[2 * PATH_BYTES];
    static char bytes[1024 * 1024];
    struct disk_file *f = disk_find(name);
    FILE *in;
    size_t n;

    (void)snprintf(path, sizeof path, "%s/%s", work.dir, name);
    in = fopen(path, "r");
    assert_non_null(in);
    n = fread(bytes, 1, sizeof bytes, in);
    assert_int_equal(fclose(in), 0);
    disk_write(f, 0, (int)n, bytes);
    if (synced)
        disk_sync(f);
    f->exists = synced;
}

static void test_power_loss_after_a_kill_at_the_first_sync(void **state)
{
    int status = -1;
    pid_t child = fork();

    (void)state;
    if (child == 0) {
        disk.on_sync = die_at_the_wal;
        open_log();
        (void)send_some();
        _exit(1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    find_left_over("events.db", true);
    find_left_over("events.db-wal", false);
    open_log();
    for (int i = 0; i < 3; i++) {
        assert_int_equal(send_some(), 0);
        lose_power();
    }
}

/* ---- a process that dies after a failed fsync ------------------------------------------------- */

/* An fsync of the WAL fails, and the process ends before it closes the log: @on_disk gets the files as they are on disk. */
static void die_of_a_failed_fsync(const char *on_disk, void *ret_work)
{
    bool failed = false;

    open_log();
    for (int i = 0; i < 3; i++)
        failed = send_some() != 0 || failed;
    disk.fail_sync_in = 0;
    failed = failed || send_some() != -EIO;
    for (int i = 0; i < disk.n; i++)
        save_after(&disk.files[i], POWER_NONE, on_disk);
    memcpy(ret_work, &work, sizeof work);
    _exit(failed);
}

static void find_on_disk(const char *on_disk, const char *name)
{
    struct disk_file *f = disk_find(name);
    static char bytes[1024 * 1024];
    char path[2 * PATH_BYTES];
    FILE *in;

    (void)snprintf(path, sizeof path, "%s/%s", on_disk, name);
    in = fopen(path, "r");
    assert_non_null(in);
    resize(&f->bytes, &f->size, (sqlite3_int64)fread(bytes, 1, sizeof bytes, in));
    memcpy(f->bytes, bytes, (size_t)f->size);
    assert_int_equal(fclose(in), 0);
    f->exists = true;
}

/* It keeps the WAL from being started over. */
static struct event_reader *open_snapshot(void)
{
    struct event_reader *reader = NULL;
    int64_t n;

    assert_int_equal(event_reader_open(work.dir, &reader), 0);
    assert_int_equal(db_begin_reads(event_reader_db(reader)), 0);
    assert_int_equal(sql_get_int(event_reader_db(reader), "SELECT count(*) FROM event", &n, ""), 0);
    return reader;
}

/* The WAL of the dead process reads well from memory and is not on disk: what is added behind it would be lost. A consumer
 * reads the log before the next writer opens it, so that the WAL goes on. */
static void test_power_loss_after_a_failed_fsync_and_a_kill(void **state)
{
    void *shared = mmap(NULL, sizeof work, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char on_disk[] = "/tmp/zk_power_XXXXXX";
    struct event_reader *reader;
    int status = -1;
    pid_t child;

    (void)state;
    assert_true(shared != MAP_FAILED);
    assert_non_null(test_folder(on_disk));
    child = fork();
    if (child == 0)
        die_of_a_failed_fsync(on_disk, shared);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    memcpy(&work, shared, sizeof work);
    work.log = NULL;
    assert_int_equal(munmap(shared, sizeof work), 0);
    find_on_disk(on_disk, "events.db");
    find_on_disk(on_disk, "events.db-wal");
    reader = open_snapshot();
    open_log();
    for (int i = 0; i < 3; i++) {
        assert_int_equal(send_some(), 0);
        lose_power();
    }
    db_end_reads(event_reader_db(reader));
    event_reader_close(reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_power_loss_at_every_sync, setup, teardown),
        cmocka_unit_test_setup_teardown(test_failed_fsync_then_power_loss, setup, teardown),
        cmocka_unit_test_setup_teardown(test_power_loss_after_a_kill_at_the_first_sync, setup, teardown),
        cmocka_unit_test_setup_teardown(test_power_loss_after_a_failed_fsync_and_a_kill, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
