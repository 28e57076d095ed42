/*
 * One iteration of the commit thread, when all goes well:
 *   wait      for items, a probe, or the second to be over
 *   take      the queue, at most 256 items or 1 MiB
 *   commit    one transaction, one fsync (commit.c), with a slice of retention
 *   give back the items with their results; the loop answers them
 *   tidy      a small checkpoint when the WAL has grown
 * When it does not:
 *   the commit fails                                every item comes back with the error, the next batch tries anew
 *   an fsync failed                                 nothing is tried any more, the process ends
 *   a reader's snapshot keeps the WAL over its cap  items come back at once until it is gone
 *   the log could not be opened (full disk)         tried each second
 *   the database does not answer                    items that were not begun come back: each after options.wait_max_ms, all
 *                                                   when a commit has run for so long, and before each new connection
 *                                                   has been made
 */
#include "services/webhook-ingest/committer.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/base/err.h"
#include "common/base/mem.h"
#include "common/store/cursors.h"
#include "common/store/programs.h"
#include "common/store/store.h"
#include "services/webhook-ingest/age_clock.h"
#include "services/webhook-ingest/ingest_metrics.h"

/* Idle iterations: retention, expiry, a checkpoint of the rest. */
#define IDLE_NS 1000000000L
/* While the WAL is held: how often it is tried. */
#define HELD_RETRY_NS 100000000L
/* So many go to the thread without waiting for the end of the loop's iteration: enough for an fsync to be worth it, and
 * the loop goes on reading while they are written. */
#define HAND_OVER_ITEMS 32
/* How often items that have waited for too long are looked for, while any wait: a small part of the time that they may. */
#define LATE_LOOK_MS 200
/* How often the cursors of the consumers are looked up. */
#define CURSORS_EVERY_US (5 * 1000 * 1000)
/* … in a database server while nothing is written: it costs a connection. */
#define CURSORS_IDLE_EVERY_US (60LL * 1000 * 1000)

struct committer {
    struct committer_options o;
    struct wakeup *wakeup;
    struct thread *thread;
    struct event_log *log;
    int64_t cursors_at_us;
    struct age_clock age;
    int64_t checkpoint_at; /* frames at which the next one is due */
    int64_t touch_in_ms;   /* the notification of a commit is due then, 0: none is */
    struct program_sign sign;

    /* The loop's thread only. */
    struct timer *hand_over;
    struct list staged; /* added in this iteration of the loop */
    int n_staged;
    struct timer *late; /* NULL: items may wait for ever */
    bool looks;         /* it is started */
    int items;          /* added and not given back */
    int64_t bytes;      /* of those */
    bool shedding;

    pthread_mutex_t lock; /* of all below */
    pthread_cond_t more;
    struct list queue, done;
    bool probe, stop;
    struct committer_status status;
};

/* ---- the loop's side ------------------------------------------------------------------------- */

static int64_t item_bytes(const struct commit_item *item)
{
    return (int64_t)(item->kind == COMMIT_REJECTED ? item->rejected.body : item->event.body).n;
}

bool committer_accepts(struct committer *c)
{
    if (c->items >= COMMITTER_ITEMS_MAX || c->bytes >= COMMITTER_BYTES_MAX)
        c->shedding = true;
    else if (c->items < COMMITTER_ITEMS_MAX * COMMITTER_RESUME_PART &&
             c->bytes < COMMITTER_BYTES_MAX * COMMITTER_RESUME_PART)
        c->shedding = false;
    return !c->shedding;
}

static void on_hand_over(void *ctx)
{
    struct committer *c = ctx;

    timer_stop(c->hand_over);
    c->n_staged = 0;
    (void)pthread_mutex_lock(&c->lock);
    list_splice(&c->queue, &c->staged);
    (void)pthread_cond_signal(&c->more);
    (void)pthread_mutex_unlock(&c->lock);
}

static void look_for_late(struct committer *c)
{
    if (!c->late || c->looks || c->items == 0)
        return;
    timer_start(c->late, LATE_LOOK_MS);
    c->looks = true;
}

void committer_add(struct committer *c, struct commit_item *item)
{
    item->added_us = clock_mono_us();
    list_append(&c->staged, &item->link);
    c->items++;
    c->bytes += item_bytes(item);
    c->n_staged++;
    look_for_late(c);
    if (c->n_staged == 1)
        timer_start(c->hand_over, 0);
    if (c->n_staged >= HAND_OVER_ITEMS)
        on_hand_over(c);
}

void committer_probe(struct committer *c)
{
    (void)pthread_mutex_lock(&c->lock);
    c->probe = true;
    (void)pthread_cond_signal(&c->more);
    (void)pthread_mutex_unlock(&c->lock);
}

void committer_status(struct committer *c, struct committer_status *ret)
{
    (void)pthread_mutex_lock(&c->lock);
    *ret = c->status;
    (void)pthread_mutex_unlock(&c->lock);
}

int committer_waiting(const struct committer *c)
{
    return c->items;
}

static void pass_on(struct committer *c, struct list *done)
{
    LIST_FOR(it, done)
    {
        c->items--;
        c->bytes -= item_bytes(container_of(it, struct commit_item, link));
    }
    c->o.on_done(c->o.ctx, done);
}

static void on_wakeup(void *ctx)
{
    struct committer *c = ctx;
    struct list done;

    list_init(&done);
    (void)pthread_mutex_lock(&c->lock);
    list_splice(&done, &c->done);
    (void)pthread_mutex_unlock(&c->lock);
    pass_on(c, &done);
}

/* ---- items that waited for too long ---------------------------------------------------------- */

static bool is_late(const struct committer *c, int64_t since_us, int64_t now_us)
{
    return since_us != 0 && now_us - since_us >= c->o.wait_max_ms * 1000;
}

/* The thread has not taken these, so nobody can find them in the log later. */
static void take_late(struct committer *c, struct list *ret)
{
    int64_t now_us = clock_mono_us();
    bool all = is_late(c, c->status.busy_since_us, now_us);
    bool bound = false;

    while (!list_empty(&c->queue)) {
        struct commit_item *item = container_of(c->queue.next, struct commit_item, link);

        if (!all && !bound && !is_late(c, item->added_us, now_us))
            return;
        bound = item->with_next;
        item->result = -ETIMEDOUT;
        list_append(ret, list_pop(&c->queue));
    }
}

static void on_late(void *ctx)
{
    struct committer *c = ctx;
    struct list late;

    list_init(&late);
    (void)pthread_mutex_lock(&c->lock);
    take_late(c, &late);
    (void)pthread_mutex_unlock(&c->lock);
    c->looks = false;
    if (!list_empty(&late))
        pass_on(c, &late);
    look_for_late(c);
}

/* ---- the thread's side: status --------------------------------------------------------------- */

/* The log's numbers, and how the last attempt went. */
static void note(struct committer *c, int r, const char *detail)
{
    struct committer_status *s = &c->status;

    (void)pthread_mutex_lock(&c->lock);
    s->result = r;
    if (r != 0)
        (void)snprintf(s->detail, sizeof s->detail, "%s", detail);
    s->open = c->log != NULL;
    if (c->log) {
        s->head = event_log_head(c->log);
        s->oldest = event_log_oldest(c->log);
        s->fatal = event_log_sync_failed(c->log);
        event_log_wal(c->log, &s->wal);
        (void)snprintf(s->log_id, sizeof s->log_id, "%s", event_log_id(c->log));
    }
    (void)pthread_mutex_unlock(&c->lock);
}

static void give_back(struct committer *c, struct list *items)
{
    (void)pthread_mutex_lock(&c->lock);
    list_splice(&c->done, items);
    (void)pthread_mutex_unlock(&c->lock);
    wakeup_send(c->wakeup);
}

static void set_busy(struct committer *c)
{
    (void)pthread_mutex_lock(&c->lock);
    c->status.busy_since_us = clock_mono_us();
    (void)pthread_mutex_unlock(&c->lock);
}

/* @wrote: it was more than a check whether something is due. */
static int64_t set_idle(struct committer *c, bool wrote)
{
    int64_t now_us = clock_mono_us();
    int64_t took_us;

    (void)pthread_mutex_lock(&c->lock);
    took_us = now_us - c->status.busy_since_us;
    c->status.busy_since_us = 0;
    if (wrote) {
        c->status.last_took_us = took_us;
        c->status.last_commit_us = now_us;
    }
    (void)pthread_mutex_unlock(&c->lock);
    return took_us;
}

/* ---- the thread's side: the WAL -------------------------------------------------------------- */

static void set_held(struct committer *c, bool held, bool large)
{
    int64_t pids[ARRAY_LEN(c->status.holders)];
    int n = large ? event_log_holders(c->log, pids, ARRAY_LEN(pids)) : 0;

    (void)pthread_mutex_lock(&c->lock);
    c->status.held = held;
    c->status.wal_large = large;
    c->status.n_holders = n;
    memcpy(c->status.holders, pids, (size_t)n * sizeof pids[0]);
    (void)pthread_mutex_unlock(&c->lock);
}

/* Returns true while the WAL is beyond its cap and cannot be started over. */
static bool wal_is_held(struct committer *c)
{
    struct event_wal wal;
    bool held;

    event_log_wal(c->log, &wal);
    if (wal.bytes * 2 < c->o.wal_cap_bytes && !c->status.wal_large)
        return false;
    held = wal.bytes >= c->o.wal_cap_bytes && event_log_truncate(c->log) != 0;
    event_log_wal(c->log, &wal);
    set_held(c, held, wal.bytes * 2 >= c->o.wal_cap_bytes);
    return held;
}

static int tidy(struct committer *c, bool idle)
{
    struct event_wal wal;
    int64_t start_us = clock_mono_us();
    int r;

    event_log_wal(c->log, &wal);
    if (wal.frames < COMMIT_CHECKPOINT_FRAMES)
        c->checkpoint_at = COMMIT_CHECKPOINT_FRAMES; /* it has started over */
    if (wal.frames < c->checkpoint_at && !(idle && wal.backfilled < wal.frames))
        return 0;
    r = event_log_checkpoint(c->log);
    metric_observe(&ingest_checkpoint_seconds, clock_mono_us() - start_us);
    event_log_wal(c->log, &wal);
    c->checkpoint_at =
        wal.frames + COMMIT_CHECKPOINT_FRAMES; /* a reader was in the way: not at each commit */
    return r;
}

/* ---- the thread's side: one batch ------------------------------------------------------------- */

/* state.db is others' to write. Unknown (it is locked, or broken): as before. */
static void look_up_cursors(struct committer *c, bool idle)
{
    int64_t every_us = idle && store_is_server(c->o.dir) ? CURSORS_IDLE_EVERY_US : CURSORS_EVERY_US;
    int64_t now_us = clock_mono_us();
    struct db *state = NULL;
    int64_t min = INT64_MAX;
    int r;

    if (c->cursors_at_us != 0 && now_us - c->cursors_at_us < every_us)
        return;
    c->cursors_at_us = now_us;
    c->o.retention.other_bytes = db_other_bytes(c->o.dir);
    r = db_open_state_reader(c->o.dir, &state);
    if (r == 0)
        r = cursor_min(state, &min);
    if (r == 0 || r == -ENOENT)
        c->o.retention.cursor_min = min;
    db_close(state);
}

static void count_commit(struct committer *c, const struct commit_done *done, int64_t took_us)
{
    if (done->result != 0) {
        metric_add(&ingest_commit_failures, 0, 1);
        return;
    }
    if (done->n > 0) {
        metric_observe(&ingest_commit_seconds, took_us);
        metric_observe(&ingest_batch_events, done->n);
    }
    metric_add(&ingest_removed, REMOVED_EVENTS, done->pruned.rows);
    metric_add(&ingest_removed, REMOVED_UNREAD, done->pruned.forced);
    metric_add(&ingest_removed, REMOVED_KEYS, done->pruned.keys);
    metric_add(&ingest_removed, REMOVED_KEYS_EARLY, done->pruned.keys_early);
    (void)pthread_mutex_lock(&c->lock);
    c->status.clock_ahead_ms = c->age.ahead_ms;
    c->status.retention_held = done->pruned.held;
    c->status.disk_over = done->pruned.over;
    (void)pthread_mutex_unlock(&c->lock);
}

static void commit(struct committer *c, struct list *items)
{
    struct clock *clock = c->o.clock;
    int64_t now_ms = age_clock_ms(&c->age, clock->wall_ms(clock), clock->boot_ms(clock));
    struct commit_done done;

    if (c->cursors_at_us == 0 || list_empty(items))
        look_up_cursors(c, true);
    set_busy(c);
    commit_batch(c->log, items, &c->o.retention, now_ms, &done);
    count_commit(c, &done, set_idle(c, done.n > 0));
    note(c, done.result, event_log_error(c->log));
}

static void probe(struct committer *c)
{
    int64_t now_ms = c->o.clock->wall_ms(c->o.clock);
    int r;

    set_busy(c);
    r = event_log_begin(c->log);
    if (r == 0)
        r = event_log_probe(c->log, now_ms);
    if (r == 0)
        r = event_log_commit(c->log);
    else
        event_log_rollback(c->log);
    (void)set_idle(c, true);
    note(c, r, event_log_error(c->log));
}

/* A full disk at the start: the log is opened as soon as there is room. */
static bool have_log(struct committer *c)
{
    int64_t pid = 0;
    int r;

    if (c->log)
        return true;
    r = event_log_open(c->o.dir, &c->log, &pid);
    note(c, r > 0 ? -EBUSY : r, err_text(r));
    return r == 0;
}

static void refuse(struct list *items, int r)
{
    LIST_FOR(it, items)
    container_of(it, struct commit_item, link)->result = r;
}

static void batch(struct committer *c, struct list *items, bool probe_wanted)
{
    bool idle = list_empty(items);

    if (c->status.fatal || !have_log(c)) {
        refuse(items, c->status.result);
    } else if (wal_is_held(c)) {
        refuse(items, -EBUSY);
    } else if (!idle) {
        commit(c, items);
    } else if (probe_wanted) {
        probe(c);
    }
    give_back(c, items);
    if (c->log && !idle) { /* no sender waits for either of these */
        c->touch_in_ms = event_log_touch(c->log);
        look_up_cursors(c, false);
    }
    if (c->log && c->status.result == 0) /* one that fails is found by the next commit */
        (void)event_log_sign(c->log, &c->sign);
    if (c->log && !c->status.fatal && tidy(c, idle) != 0)
        note(c, -EIO, event_log_error(c->log));
}

/* A database that was away: items wait in the queue until there is a connection, for as long as they may. */
static bool is_back(struct committer *c)
{
    int r;

    if (c->status.result != -ENOTCONN || !c->log)
        return true;
    set_busy(c);
    r = event_log_begin(c->log);
    if (r == 0)
        event_log_rollback(c->log);
    (void)set_idle(c, false);
    if (r != 0)
        note(c, r, event_log_error(c->log));
    return r == 0;
}

/* Retention goes on without traffic, and a failed log is tried until it works again. */
static void idle_batch(struct committer *c)
{
    bool failing = c->status.result != 0;
    struct list none;

    list_init(&none);
    batch(c, &none, failing);
    if (c->status.result == 0 && !c->status.held)
        commit(c, &none);
}

/* ---- the thread ------------------------------------------------------------------------------ */

static void wait_for_work(struct committer *c)
{
    long ns = c->touch_in_ms > 0 ? (long)c->touch_in_ms * 1000000L : c->status.held ? HELD_RETRY_NS : IDLE_NS;
    struct timespec until;

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += ns;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    while (list_empty(&c->queue) && !c->probe && !c->stop) {
        if (pthread_cond_timedwait(&c->more, &c->lock, &until) == ETIMEDOUT)
            return;
    }
}

static void take(struct committer *c, struct list *items)
{
    int64_t bytes = 0;
    bool bound = false; /* the last one wants the next in its transaction */

    for (int n = 0; (bound || (n < COMMIT_EVENTS_MAX && bytes < COMMIT_BYTES_MAX)) && !list_empty(&c->queue);
         n++) {
        struct list *it = list_pop(&c->queue);

        bytes += item_bytes(container_of(it, struct commit_item, link));
        bound = container_of(it, struct commit_item, link)->with_next;
        list_append(items, it);
    }
}

/* What is to be done now; with the lock. Returns false: the database is still away, and all of @items are to be refused. */
static bool next_items(struct committer *c, struct list *items)
{
    bool back;

    wait_for_work(c);
    if (list_empty(&c->queue))
        return true;
    (void)pthread_mutex_unlock(&c->lock);
    back = is_back(c);
    (void)pthread_mutex_lock(&c->lock);
    if (back)
        take(c, items);
    else
        list_splice(items, &c->queue);
    return back;
}

static void run(void *ctx)
{
    struct committer *c = ctx;
    bool stop = false;

    while (!stop) {
        struct list items;
        bool probe_wanted, back;

        list_init(&items);
        (void)pthread_mutex_lock(&c->lock);
        back = next_items(c, &items);
        probe_wanted = c->probe;
        c->probe = false;
        stop = c->stop && list_empty(&items);
        (void)pthread_mutex_unlock(&c->lock);
        if (!back) {
            refuse(&items, c->status.result);
            give_back(c, &items);
        } else if (list_empty(&items) && !probe_wanted && c->touch_in_ms > 0)
            c->touch_in_ms = event_log_touch(c->log);
        else if (list_empty(&items) && !probe_wanted)
            idle_batch(c);
        else
            batch(c, &items, probe_wanted);
    }
}

/* ---- opening --------------------------------------------------------------------------------- */

static int init_lock(struct committer *c)
{
    pthread_condattr_t attr;

    (void)pthread_mutex_init(&c->lock, NULL);
    if (pthread_condattr_init(&attr) != 0)
        return -ENOMEM;
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&c->more, &attr);
    (void)pthread_condattr_destroy(&attr);
    return 0;
}

int committer_open(struct loop *l, const struct committer_options *o, struct committer **ret,
                   int64_t *ret_pid)
{
    struct committer *c = mem_zalloc(sizeof *c);
    int r;

    if (!c)
        return -ENOMEM;
    c->o = *o;
    c->o.retention.cursor_min = 0; /* nothing is known: nothing goes */
    list_init(&c->staged);
    list_init(&c->queue);
    list_init(&c->done);
    c->checkpoint_at = COMMIT_CHECKPOINT_FRAMES;
    program_sign_init(&c->sign, "ingest");
    r = init_lock(c);
    if (r == 0)
        r = event_log_open(o->dir, &c->log, ret_pid);
    note(c, r > 0 ? -EBUSY : r, err_text(r));
    if (r == -ENOSPC)
        r = 0;
    if (r == 0)
        r = wakeup_open(l, on_wakeup, c, &c->wakeup);
    if (r == 0)
        r = timer_open(l, on_hand_over, c, &c->hand_over);
    if (r == 0 && o->wait_max_ms > 0)
        r = timer_open(l, on_late, c, &c->late);
    if (r == 0)
        r = thread_start(run, c, &c->thread);
    if (r == 0)
        *ret = c;
    else
        committer_close(c);
    return r;
}

void committer_close(struct committer *c)
{
    if (!c)
        return;
    (void)pthread_mutex_lock(&c->lock);
    list_splice(&c->queue, &c->staged);
    c->stop = true;
    (void)pthread_cond_signal(&c->more);
    (void)pthread_mutex_unlock(&c->lock);
    thread_join(c->thread);
    if (!list_empty(&c->done))
        on_wakeup(c); /* items of the loop's last iteration */
    wakeup_close(c->wakeup);
    event_log_sign_stop(c->log, &c->sign);
    timer_close(c->hand_over);
    if (c->late)
        timer_close(c->late);
    event_log_close(c->log);
    (void)pthread_cond_destroy(&c->more);
    (void)pthread_mutex_destroy(&c->lock);
    mem_free(c);
}
