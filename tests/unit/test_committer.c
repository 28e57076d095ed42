/* The commit thread on a real log: its work beside commits, and retention when state.db fails. */
#include "tests/unit/cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/store/cursors.h"
#include "services/webhook-ingest/committer.h"
#include "tests/unit/test_folder.h"

#define T0          1800000000000LL
#define PATIENCE_MS 20000
#define LATER_US    (60LL * 1000 * 1000)

/* The linker lets these come through here (CMakeLists.txt). */
int64_t __real_clock_mono_us(void);
int64_t __wrap_clock_mono_us(void);
int __wrap_db_open_state_reader(const char *dir, struct db **ret);
int __wrap_cursor_min(struct db *state, int64_t *ret_seq);
static _Atomic int64_t ahead_us, cursor,
    frozen_us; /* frozen_us: the clock goes by ahead_us alone, 0: by itself */
static atomic_int state_error, looked_up;

int64_t __wrap_clock_mono_us(void)
{
    return (frozen_us ? frozen_us : __real_clock_mono_us()) + ahead_us;
}

/* Only a file that is not there has no consumers. */
int __wrap_db_open_state_reader(const char *dir, struct db **ret)
{
    looked_up++;
    return state_error;
}

int __wrap_cursor_min(struct db *state, int64_t *ret_seq)
{
    *ret_seq = cursor;
    return 0;
}

/* Transactions of the commit thread: it waits for a permit while there is a gate, and then may fail. */
int __real_event_log_begin(struct event_log *l);
int __wrap_event_log_begin(struct event_log *l);
bool __real_event_log_sync_failed(const struct event_log *l);
bool __wrap_event_log_sync_failed(const struct event_log *l);
static atomic_int begin_error, begun, sync_failed;
static atomic_bool gate;
static sem_t permits;

int __wrap_event_log_begin(struct event_log *l)
{
    while (gate && sem_wait(&permits) != 0)
        ;
    begun++;
    return begin_error ? begin_error : __real_event_log_begin(l);
}

bool __wrap_event_log_sync_failed(const struct event_log *l)
{
    return sync_failed || __real_event_log_sync_failed(l);
}

/* A commit of webhooks, not one of an idle second, hangs until the end of it. */
void __real_commit_batch(struct event_log *l, struct list *items, const struct event_retention *prune,
                         int64_t now_ms, struct commit_done *ret);
void __wrap_commit_batch(struct event_log *l, struct list *items, const struct event_retention *prune,
                         int64_t now_ms, struct commit_done *ret);
static atomic_bool hangs;
static atomic_int hung, let_go; /* commits that hung so far, and how many of them may end */

void __wrap_commit_batch(struct event_log *l, struct list *items, const struct event_retention *prune,
                         int64_t now_ms, struct commit_done *ret)
{
    int n = hangs && !list_empty(items) ? ++hung : 0;

    while (hangs && let_go < n)
        (void)usleep(1000);
    __real_commit_batch(l, items, prune, now_ms, ret);
}

static void open_gate(void)
{
    gate = hangs = false;
    (void)sem_post(&permits);
}

static int64_t wait_max_ms;

struct world {
    char dir[64];
    struct loop *loop;
    struct committer *committer;
    struct timer *patience, *until_hung;
    int n_hung; /* … so many commits hang */
    struct commit_item item;
    uint8_t digest[EVENT_DIGEST_BYTES];
    int n;
    int max_waiting; /* the loop goes on while more than this wait */
    bool until_well; /* it ends when the log can be written */
};

static void on_done(void *ctx, struct list *items)
{
    struct world *w = ctx;
    struct committer_status s;

    committer_status(w->committer, &s);
    if (w->until_well ? s.result == 0
                      : !list_empty(items) && committer_waiting(w->committer) <= w->max_waiting)
        loop_stop(w->loop);
}

static void on_patience(void *ctx)
{
    fail_msg("the commit thread gives nothing back");
}

static void on_until_hung(void *ctx)
{
    struct world *w = ctx;

    if (hung == w->n_hung)
        loop_stop(w->loop);
    else
        timer_start(w->until_hung, 1);
}

static int open_world(void **state)
{
    static struct clock clock;
    struct world *w = calloc(1, sizeof *w);
    struct committer_options o = { .dir = w->dir,
                                   .clock = &clock,
                                   .retention = { .age_ms = 60000 },
                                   .wal_cap_bytes = 1 << 30,
                                   .wait_max_ms = wait_max_ms,
                                   .on_done = on_done,
                                   .ctx = w };
    int64_t pid;

    clock_init(&clock);
    (void)snprintf(w->dir, sizeof w->dir, "/tmp/zk_committer_XXXXXX");
    assert_non_null(test_folder(w->dir));
    cursor = 0;
    state_error = begin_error = begun = sync_failed = 0;
    gate = false;
    assert_int_equal(sem_init(&permits, 0, 0), 0);
    assert_int_equal(loop_open(&w->loop), 0);
    assert_int_equal(timer_open(w->loop, on_patience, w, &w->patience), 0);
    assert_int_equal(timer_open(w->loop, on_until_hung, w, &w->until_hung), 0);
    wait_max_ms = 0;
    assert_int_equal(committer_open(w->loop, &o, &w->committer, &pid), 0);
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    static const char *const files[] = { "events.db", "events.db-wal", "events.db-shm", "events.lock" };
    struct world *w = *state;
    char path[128];

    open_gate();
    committer_close(w->committer);
    timer_close(w->patience);
    timer_close(w->until_hung);
    assert_int_equal(loop_close(w->loop), 0);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", w->dir, files[i]);
        (void)unlink(path);
    }
    (void)rmdir(w->dir);
    free(w);
    return 0;
}

/* Until on_done() ends it. */
static void run_loop(struct world *w)
{
    timer_start(w->patience, PATIENCE_MS);
    (void)loop_run(w->loop);
    timer_stop(w->patience);
}

/* An event that is old already. */
static struct commit_item *event(struct world *w, struct commit_item *item)
{
    memcpy(w->digest, &(int){ ++w->n }, sizeof w->n);
    *item = (struct commit_item){ .kind = COMMIT_EVENT,
                                  .event = { .at = 1000 + w->n,
                                             .type = STR_LIT("message.received"),
                                             .bridge = STR_LIT("main"),
                                             .session = STR_LIT("s"),
                                             .message_id = STR_LIT(""),
                                             .body = STR_LIT("{}"),
                                             .key_digest = w->digest } };
    return item;
}

/* Until it has come back. */
static int try_one(struct world *w)
{
    committer_add(w->committer, event(w, &w->item));
    run_loop(w);
    assert_int_equal(committer_waiting(w->committer), 0);
    return w->item.result;
}

static void commit_one(struct world *w)
{
    assert_int_equal(try_one(w), 0);
}

/* Commits until the cursors were looked up once more and a commit has gone by them. */
static int64_t oldest_after_a_look(struct world *w)
{
    struct committer_status s;
    int before = looked_up;

    ahead_us += LATER_US;
    while (looked_up == before)
        commit_one(w);
    commit_one(w);
    commit_one(w);
    committer_status(w->committer, &s);
    return s.oldest;
}

/* Retention goes by the cursors as they were known last, in any condition of state.db. */
static void an_error_of_state_db_is_no_missing_consumer(void **state)
{
    static const int errors[] = { -EAGAIN, -EBADMSG, -EIO, -EACCES, -ENOMEM, -EPROTO, -ESTALE };
    struct world *w = *state;

    for (int i = 0; i < 20; i++)
        commit_one(w);
    cursor = 5;
    assert_int_equal(oldest_after_a_look(w), 6);
    cursor = 12;
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        state_error = errors[i];
        assert_int_equal(oldest_after_a_look(w), 6);
    }
    state_error = 0;
    assert_int_equal(oldest_after_a_look(w), 13);
    state_error = -ENOENT; /* there is no state.db, so nobody is registered */
    assert_true(oldest_after_a_look(w) > 13);
}

/* Consumers watch the lock file: it is touched behind every commit. */
static void a_commit_touches_the_lock_file(void **state)
{
    const struct timespec old[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
    struct world *w = *state;
    char path[128];
    struct stat st;

    (void)snprintf(path, sizeof path, "%s/events.lock", w->dir);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
        commit_one(w);
        for (int k = 0; k < PATIENCE_MS; k++) { /* behind the answer */
            assert_int_equal(stat(path, &st), 0);
            if (st.st_mtime != 1000)
                break;
            (void)usleep(1000);
        }
        assert_int_not_equal(st.st_mtime, 1000);
    }
}

/* The count of waiting items comes back to nothing over a long life. */
static void nothing_stays_counted(void **state)
{
    struct world *w = *state;

    for (int i = 0; i < 300; i++)
        commit_one(w);
    assert_true(committer_accepts(w->committer));
    assert_int_equal(committer_waiting(w->committer), 0);
}

/* The same of bytes: as many as may wait, several times over. */
static void no_bytes_stay_counted(void **state)
{
    static char body[16 * 1024 * 1024];
    struct world *w = *state;

    begin_error = -ENOSPC; /* nothing is written of them */
    for (size_t bytes = 0; bytes <= 3 * (size_t)COMMITTER_BYTES_MAX; bytes += sizeof body) {
        assert_true(committer_accepts(w->committer));
        event(w, &w->item)->event.body = (struct str){ body, sizeof body };
        committer_add(w->committer, &w->item);
        run_loop(w);
        assert_int_equal(w->item.result, -ENOSPC);
    }
    assert_true(committer_accepts(w->committer));
}

/* An overload is over when there is room again, not only when nothing waits any more. */
static void it_accepts_again_while_some_still_wait(void **state)
{
    struct commit_item *items = calloc(COMMITTER_ITEMS_MAX, sizeof *items);
    struct world *w = *state;
    int wait = COMMITTER_ITEMS_MAX * COMMITTER_RESUME_PART;

    assert_non_null(items);
    begin_error = -ENOSPC;
    gate = true;
    for (int i = 0; i < COMMITTER_ITEMS_MAX; i++) {
        assert_true(committer_accepts(w->committer));
        committer_add(w->committer, event(w, &items[i]));
    }
    assert_false(committer_accepts(w->committer));
    w->max_waiting = COMMITTER_ITEMS_MAX - 1;
    (void)sem_post(&permits);
    (void)sem_post(&permits); /* one may be of an idle iteration */
    run_loop(w);
    assert_false(committer_accepts(w->committer)); /* a batch less is not enough: it would flap */
    for (int batches = wait / COMMIT_EVENTS_MAX / 2; batches > 0; batches--)
        (void)sem_post(&permits);
    w->max_waiting = wait - 1;
    run_loop(w);
    assert_true(committer_waiting(w->committer) > 0);
    assert_true(committer_accepts(w->committer));
    w->max_waiting = 0;
    open_gate();
    run_loop(w);
    free(items);
}

/* After a failed fsync nobody knows what is on disk, whatever the next one says. */
static void after_a_failed_fsync_nothing_is_tried_any_more(void **state)
{
    struct committer_status s;
    struct world *w = *state;
    int before;

    commit_one(w);
    begin_error = -EIO;
    sync_failed = true;
    assert_int_equal(try_one(w), -EIO);
    committer_status(w->committer, &s);
    assert_true(s.fatal);
    begin_error = 0;
    before = begun;
    assert_int_equal(try_one(w), -EIO);
    assert_int_equal(begun, before);
}

/* Without a webhook: senders that were refused may come back much later. */
static void a_log_that_failed_is_tried_again_without_a_webhook(void **state)
{
    struct committer_status s;
    struct world *w = *state;

    begin_error = -ENOSPC;
    assert_int_equal(try_one(w), -ENOSPC);
    begin_error = 0;
    w->until_well = true;
    run_loop(w);
    committer_status(w->committer, &s);
    assert_int_equal(s.result, 0);
}

/* ---- a database that does not answer ----------------------------------------------------------- */

#define WAIT_MAX_MS 5000

static int open_world_with_limit(void **state)
{
    wait_max_ms = WAIT_MAX_MS;
    hung = let_go = 0;
    frozen_us = __real_clock_mono_us();
    return open_world(state);
}

static int close_world_with_limit(void **state)
{
    frozen_us = 0;
    return close_world(state);
}

/* Until the thread is in a commit that does not end, the @n-th. */
static void wait_hung(struct world *w, int n)
{
    w->n_hung = n;
    timer_start(w->until_hung, 1);
    run_loop(w);
    assert_int_equal(hung, n);
}

static void hang(struct world *w, struct commit_item *first)
{
    hangs = true;
    committer_add(w->committer, event(w, first));
    wait_hung(w, 1);
}

/* A sender behind a commit that hangs has its answer before that one has. */
static void items_behind_a_commit_that_hangs_come_back_first(void **state)
{
    struct commit_item first, second, third;
    struct world *w = *state;

    hang(w, &first);
    committer_add(w->committer, event(w, &second));
    w->max_waiting = 1;
    ahead_us += WAIT_MAX_MS * 1000;
    run_loop(w);
    assert_int_equal(second.result, -ETIMEDOUT);
    committer_add(w->committer,
                  event(w, &third)); /* it does not wait as long: the commit hangs, as is known */
    run_loop(w);
    assert_int_equal(third.result, -ETIMEDOUT);
    w->max_waiting = 0;
    open_gate();
    run_loop(w);
    assert_int_equal(first.result, 0); /* the one that was begun is answered by what came of it */
}

/* Two of one transaction come back together. */
static void bound_items_are_late_together(void **state)
{
    static struct commit_item first, between[COMMIT_EVENTS_MAX], second, third, fourth;
    struct world *w = *state;

    hang(w, &first);
    for (int i = 0; i < COMMIT_EVENTS_MAX; i++)
        committer_add(w->committer, event(w, &between[i]));
    committer_add(w->committer, event(w, &second));
    second.with_next = true;
    ahead_us += WAIT_MAX_MS * 1000 / 2;
    committer_add(w->committer, event(w, &third));
    committer_add(w->committer, event(w, &fourth));
    fourth.result = 77;
    w->max_waiting = 0;
    let_go = 1;
    wait_hung(w, 2);
    ahead_us += WAIT_MAX_MS * 1000 / 2;
    w->max_waiting = COMMIT_EVENTS_MAX + 1;
    run_loop(w);
    assert_int_equal(second.result, -ETIMEDOUT);
    assert_int_equal(third.result, -ETIMEDOUT);
    assert_int_equal(fourth.result, 77); /* it has waited for half as long, behind a commit that began then */
    w->max_waiting = 0;
    open_gate();
    run_loop(w);
    assert_true(fourth.result >= 0); /* as all that share the digest of this world */
}

/* While a new connection is tried nobody's item is taken along into the try. */
static void items_do_not_wait_for_a_connection_that_hangs(void **state)
{
    struct commit_item items[2 * COMMIT_EVENTS_MAX];
    struct world *w = *state;

    begin_error = -ENOTCONN;
    assert_int_equal(try_one(w), -ENOTCONN);
    gate = true;
    committer_add(w->committer, event(w, &w->item));
    ahead_us += WAIT_MAX_MS * 1000;
    run_loop(w);
    assert_int_equal(w->item.result, -ETIMEDOUT);
    open_gate();
    for (size_t i = 0; i < ARRAY_LEN(items); i++)
        committer_add(w->committer, event(w, &items[i]));
    run_loop(w);
    for (size_t i = 0; i < ARRAY_LEN(items); i++)
        assert_int_equal(items[i].result, -ENOTCONN);
    begin_error = 0;
    commit_one(w);
}

#define TEST(f)            cmocka_unit_test_setup_teardown(f, open_world, close_world)
#define TEST_WITH_LIMIT(f) cmocka_unit_test_setup_teardown(f, open_world_with_limit, close_world_with_limit)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_error_of_state_db_is_no_missing_consumer),
        TEST(a_commit_touches_the_lock_file),
        TEST(nothing_stays_counted),
        TEST(no_bytes_stay_counted),
        TEST(it_accepts_again_while_some_still_wait),
        TEST(after_a_failed_fsync_nothing_is_tried_any_more),
        TEST(a_log_that_failed_is_tried_again_without_a_webhook),
        TEST_WITH_LIMIT(items_behind_a_commit_that_hangs_come_back_first),
        TEST_WITH_LIMIT(bound_items_are_late_together),
        TEST_WITH_LIMIT(items_do_not_wait_for_a_connection_that_hangs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
