/*
 * The forwarder's group commit and checkpoints when a step of them fails: what is on record, what may be sent, and how
 * far retention is let.
 */
#include "tests/unit/cmocka_all.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/store/cursors.h"
#include "common/store/events_log.h"
#include "common/store/store.h"
#include "services/forwarder/checkpoint.h"
#include "tests/unit/test_folder.h"

#define WALL        INT64_C(1800000000000)
#define PATIENCE_MS 20000

/* The linker lets these come through here (CMakeLists.txt). */
int __real_db_commit(struct db *db);
int __wrap_db_commit(struct db *db);
int __real_acks_write(struct acks *a);
int __wrap_acks_write(struct acks *a);
int __real_forward_checkpoint(struct db *db, bool *ret_all);
int __wrap_forward_checkpoint(struct db *db, bool *ret_all);
int __real_cursor_save(struct db *state, const char *consumer, int64_t seq, int64_t now_ms);
int __wrap_cursor_save(struct db *state, const char *consumer, int64_t seq, int64_t now_ms);

static struct {
    char dir[64];
    struct loop *loop;
    struct timer *patience;
    struct clock_stepped clock;
    struct stores stores;
    struct group_commit *commit;
    int fail_commit, fail_acks, fail_checkpoint, fail_cursor, fail_save;
    int commits, saves, cursors; /* so many were asked for */
    int committed, failed;       /* of the hooks */
    int failed_r;
} t;

int __wrap_db_commit(struct db *db)
{
    t.commits++;
    return t.fail_commit ? t.fail_commit : __real_db_commit(db);
}

int __wrap_acks_write(struct acks *a)
{
    return t.fail_acks ? t.fail_acks : __real_acks_write(a);
}

int __wrap_forward_checkpoint(struct db *db, bool *ret_all)
{
    return t.fail_checkpoint ? t.fail_checkpoint : __real_forward_checkpoint(db, ret_all);
}

int __wrap_cursor_save(struct db *state, const char *consumer, int64_t seq, int64_t now_ms)
{
    t.cursors++;
    return t.fail_cursor ? t.fail_cursor : __real_cursor_save(state, consumer, seq, now_ms);
}

/* ---- the scene ------------------------------------------------------------------------------- */

static int on_save(void *ctx)
{
    t.saves++;
    return t.fail_save;
}

static void on_committed(void *ctx)
{
    t.committed++;
    loop_stop(t.loop);
}

static void on_failed(void *ctx, int r, const char *detail)
{
    t.failed++;
    t.failed_r = r;
    loop_stop(t.loop);
}

static void on_patience(void *ctx)
{
    fail_msg("the pass does not end");
}

static const struct group_commit_hooks hooks = { on_save, on_committed, on_failed, NULL };

static void open_stores(void)
{
    char detail[STORES_DETAIL_MAX];
    const char *file;

    assert_int_equal(stores_open(t.dir, NULL, false, &t.stores, &file, detail), 0);
    assert_int_equal(group_commit_open(t.loop, &t.stores, &hooks, &t.commit), 0);
    t.commits = 0; /* of the opening */
}

static void close_stores(void)
{
    group_commit_close(t.commit);
    stores_close(&t.stores);
}

/* An empty log is enough: nothing is read from it. */
static void make_log(void)
{
    struct event_log *log;
    int64_t pid;

    assert_int_equal(event_log_open(t.dir, &log, &pid), 0);
    event_log_close(log);
}

static int setup(void **state)
{
    memset(&t, 0, sizeof t);
    clock_stepped_init(&t.clock, WALL, 1000000, "boot");
    (void)snprintf(t.dir, sizeof t.dir, "/tmp/zk_group_XXXXXX");
    assert_non_null(test_folder(t.dir));
    assert_int_equal(loop_open(&t.loop), 0);
    assert_int_equal(timer_open(t.loop, on_patience, NULL, &t.patience), 0);
    make_log();
    open_stores();
    return 0;
}

static int teardown(void **state)
{
    close_stores();
    timer_close(t.patience);
    return loop_close(t.loop);
}

/* Until a hook was called. */
static void run_pass(void)
{
    timer_start(t.patience, PATIENCE_MS);
    assert_int_equal(loop_run(t.loop), 0);
    timer_stop(t.patience);
}

/* The first one, after which forward.acks takes entries. */
static void commit_once(void)
{
    assert_int_equal(group_commit_begin(t.commit), 0);
    assert_int_equal(group_commit_end(t.commit), 0);
}

static void take(int64_t seq)
{
    const struct event e = { .seq = seq, .at = WALL + seq };

    assert_int_equal(group_commit_ack(t.commit, 1, &e), 0);
}

static void on_ack(void *ctx, const struct ack *e)
{
    *(int64_t *)ctx += e->seq;
}

/* The sum of the acknowledged seqs, as the next start finds them in forward.acks. */
static int64_t acknowledged_after_a_restart(void)
{
    int64_t sum = 0;

    close_stores();
    open_stores();
    acks_each(t.stores.acks, 1, on_ack, &sum);
    return sum;
}

/* ---- what may be sent ------------------------------------------------------------------------ */

static void nothing_is_done_before_it_is_on_record(void **state)
{
    assert_true(group_commit_is_done(t.commit));
    assert_int_equal(group_commit_begin(t.commit), 0);
    assert_false(group_commit_is_done(t.commit));
    assert_int_equal(group_commit_end(t.commit), 0);
    assert_true(group_commit_is_done(t.commit));
    take(1);
    assert_false(group_commit_is_done(t.commit)); /* a kill would forget that it was taken */
    assert_int_equal(group_commit_end(t.commit), 0);
    assert_true(group_commit_is_done(t.commit));
    assert_int_equal(t.commits, 1); /* the acknowledgement went to its file */
    assert_int_equal(acknowledged_after_a_restart(), 1);
}

/* ---- failures -------------------------------------------------------------------------------- */

static void the_first_failure_stays_until_all_is_read_anew(void **state)
{
    commit_once();
    assert_int_equal(group_commit_fail(t.commit, -EIO), -EIO);
    assert_int_equal(group_commit_fail(t.commit, -ENOMEM), -ENOMEM);
    assert_false(group_commit_is_done(t.commit));
    assert_int_equal(group_commit_begin(t.commit), -EIO);
    assert_int_equal(group_commit_end(t.commit), -EIO);
    run_pass();
    assert_int_equal(t.failed, 1);
    assert_int_equal(t.failed_r, -EIO);
    assert_int_equal(t.committed, 0);
    assert_int_equal(t.commits, 1);
}

static void a_commit_that_fails_ends_the_work(void **state)
{
    commit_once();
    t.fail_commit = -EIO;
    assert_int_equal(group_commit_begin(t.commit), 0);
    run_pass();
    assert_true(t.failed > 0);
    assert_int_equal(t.failed_r, -EIO);
    assert_int_equal(group_commit_begin(t.commit), -EIO);
}

/* The next commit may hold them; until then their places in the file are taken. */
static void a_commit_that_fails_forgets_no_acknowledgement(void **state)
{
    commit_once();
    for (int64_t seq = 1; seq <= 3; seq++)
        take(seq);
    assert_int_equal(group_commit_end(t.commit), 0);
    t.fail_commit = -ENOSPC;
    assert_int_equal(group_commit_begin(t.commit), 0);
    assert_int_equal(group_commit_end(t.commit), -ENOSPC);
    assert_true(acks_add(t.stores.acks, 1, 10, WALL));
    assert_int_equal(acks_write(t.stores.acks), 0);
    t.fail_commit = 0;
    assert_int_equal(acknowledged_after_a_restart(), 1 + 2 + 3 + 10);
}

static void a_pass_that_cannot_be_saved_is_not_committed(void **state)
{
    commit_once();
    t.fail_save = -ENOSPC;
    assert_int_equal(group_commit_begin(t.commit), 0);
    assert_int_equal(group_commit_end(t.commit), -ENOSPC);
    assert_int_equal(t.commits, 1);
    assert_false(group_commit_is_done(t.commit));
}

static void without_its_file_acknowledgements_go_into_a_commit(void **state)
{
    commit_once();
    t.fail_acks = -ENOSPC;
    take(1);
    assert_int_equal(group_commit_end(t.commit), 0);
    assert_int_equal(t.commits, 2);
    assert_int_equal(t.saves, 2);
    assert_true(group_commit_is_done(t.commit));
}

/* ---- acknowledgements in a database, which has no such file ------------------------------------ */

static void as_in_a_database(void)
{
    commit_once();
    acks_close(t.stores.acks);
    t.stores.acks = NULL;
    group_commit_close(t.commit);
    assert_int_equal(group_commit_open(t.loop, &t.stores, &hooks, &t.commit), 0);
    t.commits = 0;
}

static void take_crowd(int64_t first, int64_t last)
{
    for (int64_t seq = first; seq <= last; seq++)
        take(seq);
}

static void acknowledgements_of_one_pass_are_one_commit(void **state)
{
    as_in_a_database();
    take_crowd(1, 50);
    assert_int_equal(t.commits, 0);
    run_pass();
    assert_int_equal(t.commits, 1);
    assert_true(group_commit_is_done(t.commit));
}

static void on_rest(void *ctx)
{
    take_crowd(102, 120);
}

static void a_few_acknowledgements_wait_for_the_rest_of_a_crowd(void **state)
{
    struct timer *rest;

    as_in_a_database();
    take_crowd(1, 50);
    run_pass();
    assert_int_equal(timer_open(t.loop, on_rest, NULL, &rest), 0);
    take(101); /* ahead of the others by one turn of the loop */
    timer_start(rest, 0);
    run_pass();
    timer_close(rest);
    assert_int_equal(t.commits, 2);
    assert_true(group_commit_is_done(t.commit)); /* the rest is in the same commit */
}

static void an_acknowledgement_that_stays_alone_is_committed(void **state)
{
    as_in_a_database();
    take_crowd(1, 50);
    run_pass();
    take(101);
    run_pass();
    assert_int_equal(t.commits, 2);
    assert_true(group_commit_is_done(t.commit));
}

/* ---- checkpoints ----------------------------------------------------------------------------- */

static int64_t cursor(struct state_store *state)
{
    int64_t seq = -1;

    assert_int_equal(state_store_open(state), 0);
    assert_int_equal(cursor_find(state->db, CHECKPOINT_CONSUMER, &seq), 0);
    return seq;
}

/* The cursor says only what forward.db has on disk. */
static void a_checkpoint_that_fails_moves_no_cursor(void **state)
{
    struct state_store state_db = STATE_STORE(t.dir, "trying again");
    struct checkpoint c;

    checkpoint_init(&c, t.stores.db, t.commit, &state_db, &t.clock.clock);
    commit_once();
    t.fail_checkpoint = -EIO;
    assert_int_equal(checkpoint_make(&c, 5), -EIO);
    assert_int_equal(t.cursors, 0);
    assert_int_equal(cursor(&state_db), 0);
    assert_int_equal(group_commit_begin(t.commit), -EIO);
    state_store_close(&state_db);
}

/* Also when nothing happens meanwhile. */
static void a_cursor_that_was_not_saved_is_saved_the_next_time(void **state)
{
    struct state_store state_db = STATE_STORE(t.dir, "trying again");
    struct checkpoint c;

    checkpoint_init(&c, t.stores.db, t.commit, &state_db, &t.clock.clock);
    commit_once();
    t.fail_cursor = -EAGAIN;
    assert_int_equal(checkpoint_make(&c, 5), 0);
    assert_int_equal(cursor(&state_db), 0);
    t.fail_cursor = 0;
    assert_int_equal(checkpoint_make(&c, 5), 0);
    assert_int_equal(cursor(&state_db), 5);
    assert_int_equal(checkpoint_make(&c, 5), 0);
    assert_int_equal(t.cursors, 2); /* it is known now */
    state_store_close(&state_db);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_done_before_it_is_on_record),
        TEST(the_first_failure_stays_until_all_is_read_anew),
        TEST(a_commit_that_fails_ends_the_work),
        TEST(a_commit_that_fails_forgets_no_acknowledgement),
        TEST(a_pass_that_cannot_be_saved_is_not_committed),
        TEST(without_its_file_acknowledgements_go_into_a_commit),
        TEST(acknowledgements_of_one_pass_are_one_commit),
        TEST(a_few_acknowledgements_wait_for_the_rest_of_a_crowd),
        TEST(an_acknowledgement_that_stays_alone_is_committed),
        TEST(a_checkpoint_that_fails_moves_no_cursor),
        TEST(a_cursor_that_was_not_saved_is_saved_the_next_time),
    };

    log_setup("test", LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
