#include "services/forwarder/startup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "services/forwarder/destination.h"
#include "services/forwarder/group_commit.h"

#define LOCK_FILE "forward.lock"
/* The other forwarder's death is noticed within this. */
#define LOCK_AGAIN_MS 1000
#define PATH_BYTES    (SETTINGS_VALUE_MAX + 32)

/* Returns 0, 1: another forwarder holds it, or -errno. */
static int take_lock(struct forwarder *f)
{
    char path[PATH_BYTES];
    int fd;

    if (f->lock_fd >= 0)
        return 0;
    (void)snprintf(path, sizeof path, "%s/%s", f->settings.app.data_dir, LOCK_FILE);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0)
        return -errno;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        f->lock_fd = fd;
        return 0;
    }
    (void)close(fd);
    return errno == EWOULDBLOCK ? 1 : -errno;
}

/* ---- the log we know ------------------------------------------------------------------------- */

struct newest {
    int64_t floor;
};

static int on_floor(void *ctx, const struct forward_destination *row)
{
    struct newest *n = ctx;

    n->floor = row->floor > n->floor ? row->floor : n->floor;
    return 0;
}

/* Is the log still the one of our seqs? */
static int check_log(struct forwarder *f, bool *ret_other)
{
    struct newest newest = { 0 };
    char known[16];
    int64_t oldest = 0, head = 0;
    int r = forward_log_id(f->db, known);

    if (r == 0)
        r = forward_destinations_each(f->db, on_floor, &newest);
    if (r == 0)
        r = event_bounds(f->reader, &oldest, &head);
    if (r == 0)
        *ret_other = known[0] && (strcmp(known, event_reader_log_id(f->reader)) != 0 || newest.floor > head);
    return r;
}

static int adopt_log(struct forwarder *f)
{
    bool other = false;
    int64_t lost = 0;
    int r = check_log(f, &other);

    if (r == 0)
        r = db_begin(f->db);
    if (r == 0 && other)
        r = forward_forget_log(f->db, &lost);
    if (r == 0)
        r = forward_set_log_id(f->db, event_reader_log_id(f->reader));
    if (r == 0)
        r = db_commit(f->db);
    db_rollback(f->db);
    if (r == 0 && other)
        log_error("other-log", "events.db is another log than before: delivering it from its start",
                  KI("lost_retries", lost));
    return r;
}

static int open_reader(struct forwarder *f)
{
    int r = event_reader_open(f->settings.app.data_dir, &f->reader);

    return r == 0 ? adopt_log(f) : r;
}

/* ---- beginning ------------------------------------------------------------------------------- */

static int open_destinations(struct forwarder *f)
{
    int r = forward_dead_count(f->db, &f->dead);

    for (int i = 0; r == 0 && i < f->config.n; i++) {
        r = destination_open(f, f->config.at[i], i, &f->dest[i]);
        f->n += r == 0;
    }
    return r;
}

static int open_acks(struct forwarder *f)
{
    uint64_t key = 0;
    int r = forward_key(f->db, &key);

    return r == 0 ? acks_open(f->settings.app.data_dir, key, &f->acks) : r;
}

static int begin(struct forwarder *f)
{
    int r = take_lock(f);

    if (r == 0 && !f->db)
        r = forward_open(f->settings.app.data_dir, &f->db);
    if (r == 0)
        r = open_reader(f);
    if (r == 0)
        r = open_acks(f);
    if (r == 0)
        r = open_destinations(f);
    return r;
}

static const char *describe(int r, const struct forwarder *f)
{
    if (r > 0)
        return "another forwarder works on this data directory; waiting to take over";
    if (r == -ENOENT)
        return "there is no events.db yet; waiting for webhook-ingest to make it";
    return f->db ? "the stores cannot be used; trying again" : "forward.db cannot be opened; trying again";
}

static void wait_more(struct forwarder *f, int r)
{
    int64_t wait = backoff_next_ms(&f->starting);

    if (r > 0 ? f->starting.tries == 1 : backoff_is_news(&f->starting))
        log_warn("waiting", describe(r, f), KS("dir", f->settings.app.data_dir),
                 KS("error", r < 0 ? err_text(r) : "it holds " LOCK_FILE));
    timer_start(f->start, r > 0 ? LOCK_AGAIN_MS : wait);
}

void startup_on_timer(void *ctx)
{
    struct forwarder *f = ctx;
    int r = begin(f);

    f->waiting_r = r;
    if (r != 0) {
        startup_undo(f);
        wait_more(f, r);
        return;
    }
    f->begun = true;
    f->cursor = -1;
    f->checkpoint_at = 0;
    group_commit_on_tick(f);
}

void startup_undo(struct forwarder *f)
{
    f->closing = true;
    f->begun = false;
    while (f->n > 0) {
        destination_close(f->dest[--f->n]);
        f->dest[f->n] = NULL;
    }
    event_reader_close(f->reader);
    f->reader = NULL;
    acks_close(f->acks);
    f->acks = NULL;
    db_close(f->db);
    f->db = NULL;
    f->in_transaction = false;
    f->store_r = 0;
    f->closing = false;
}

void open_redeliver(struct forwarder *f)
{
    int r = f->store_r;
    int64_t wait = backoff_next_ms(&f->starting);

    if (r != -ESTALE && backoff_is_news(&f->starting))
        log_error("store-failed", "forward.db is opened and read anew", KS("error", err_text(r)),
                  KS("detail", db_error(f->db)), KI("tries", f->starting.tries));
    timer_stop(f->commit);
    timer_stop(f->tick);
    startup_undo(f);
    timer_start(f->start, wait);
}
