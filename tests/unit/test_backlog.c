/*
 * The forwarder's backlog, group commit and checkpoints as they ship, on a stepped clock, with the stores on disk: the
 * events that are delivered, that wait, and that come again after a crash. A crash is closing without the last commit.
 */
#include "tests/unit/cmocka_all.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/store/ack_window.h"
#include "common/store/cursors.h"
#include "common/store/events_log.h"
#include "common/store/store.h"
#include "services/forwarder/backlog.h"
#include "services/forwarder/checkpoint.h"
#include "services/forwarder/queue_rows.h"
#include "tests/unit/test_app.h"
#include "tests/unit/test_folder.h"

#define WALL INT64_C(1800000000000)

static const struct delivery_schedule schedule = { .wait_ms = { 0, 1000, 60000 }, .n = 3 };

static const struct destination_filter filter; /* lets everything through */

static struct {
    char dir[64];
    struct clock_stepped clock;
    struct app_settings settings;
    struct app *app;
    struct stores stores;
    struct group_commit *commit;
    struct dead_letters dead;
    struct dest_breaker breaker;
    struct backlog *backlog;
    int64_t destination;
    bool two_bridges;                                   /* write_log() alternates between them */
    int64_t log_starts;                                 /* wall ms */
    int fail_blocked, fail_retry, fail_dead, fail_read; /* of the functions below */
} t;

/* The linker lets these come through here (CMakeLists.txt). */
int __real_forward_blocked_put(struct db *db, int64_t destination, struct str bridge, struct str session,
                               int64_t seq);
int __wrap_forward_blocked_put(struct db *db, int64_t destination, struct str bridge, struct str session,
                               int64_t seq);
int __real_forward_retry_put(struct db *db, int64_t destination, const struct forward_retry *row);
int __wrap_forward_retry_put(struct db *db, int64_t destination, const struct forward_retry *row);
int __real_forward_dead_put(struct db *db, const struct forward_dead *row);
int __wrap_forward_dead_put(struct db *db, const struct forward_dead *row);
int __real_event_read(struct event_reader *r, int64_t from_seq, const struct event_filter *of, int max,
                      struct event_rows *ret);
int __wrap_event_read(struct event_reader *r, int64_t from_seq, const struct event_filter *of, int max,
                      struct event_rows *ret);

int __wrap_forward_blocked_put(struct db *db, int64_t destination, struct str bridge, struct str session,
                               int64_t seq)
{
    return t.fail_blocked ? t.fail_blocked
                          : __real_forward_blocked_put(db, destination, bridge, session, seq);
}

int __wrap_forward_retry_put(struct db *db, int64_t destination, const struct forward_retry *row)
{
    return t.fail_retry ? t.fail_retry : __real_forward_retry_put(db, destination, row);
}

int __wrap_forward_dead_put(struct db *db, const struct forward_dead *row)
{
    return t.fail_dead ? t.fail_dead : __real_forward_dead_put(db, row);
}

int __wrap_event_read(struct event_reader *r, int64_t from_seq, const struct event_filter *of, int max,
                      struct event_rows *ret)
{
    return t.fail_read ? t.fail_read : __real_event_read(r, from_seq, of, max, ret);
}

/* ---- the scene ------------------------------------------------------------------------------- */

static int on_save(void *ctx)
{
    return t.backlog ? backlog_save(t.backlog, false) : 0;
}

static void on_committed(void *ctx)
{
}

static void on_failed(void *ctx, int r, const char *detail)
{
    fail_msg("forward.db failed: %s", detail);
}

static void open_backlog(void)
{
    static const struct group_commit_hooks hooks = { on_save, on_committed, on_failed, NULL };
    CLEANUP(buf_fini) struct buf done = BUF_INIT(ACK_WINDOW_SEQS / 8 + 8);
    char detail[STORES_DETAIL_MAX];
    struct forward_destination row;
    const char *file;
    bool is_new;

    assert_int_equal(stores_open(t.dir, NULL, false, &t.stores, &file, detail), 0);
    assert_int_equal(group_commit_open(app_loop(t.app), &t.stores, &hooks, &t.commit), 0);
    assert_int_equal(dead_letters_init(&t.dead, t.app, t.stores.db, t.commit), 0);
    assert_int_equal(forward_destination_open(t.stores.db, "one", "http://x", &row, &is_new, &done), 0);
    t.destination = row.id;
    dest_breaker_init(&t.breaker, 8);
    assert_int_equal(backlog_open(&(struct backlog_options){ .app = t.app,
                                                             .stores = &t.stores,
                                                             .commit = t.commit,
                                                             .dead = &t.dead,
                                                             .schedule = &schedule,
                                                             .filter = &filter,
                                                             .of = { "one", 0 },
                                                             .destination = row.id,
                                                             .floor = row.floor < 0 ? 0 : row.floor,
                                                             .done = { buf_str(&done), done.len } },
                                  &t.backlog),
                     0);
}

/* As kill -9 leaves it: committed and written data is there, the rest is not. */
static void crash(void)
{
    backlog_close(t.backlog);
    t.backlog = NULL;
    group_commit_close(t.commit);
    stores_close(&t.stores);
}

/* The log gets events 1 … n of the sessions in turn. */
static void write_log(int n, int sessions)
{
    struct event_log *log;
    int64_t pid, seq;

    assert_int_equal(event_log_open(t.dir, &log, &pid), 0);
    assert_int_equal(event_log_begin(log), 0);
    for (int i = 1; i <= n; i++) {
        uint8_t digest[EVENT_DIGEST_BYTES];
        char session[16];

        memset(digest, 0, sizeof digest);
        memcpy(digest, &i, sizeof i);
        (void)snprintf(session, sizeof session, "s%d", i % sessions);
        assert_int_equal(
            event_log_append(log,
                             &(struct event_new){ .at = t.log_starts + i,
                                                  .type = STR_LIT("message.received"),
                                                  .bridge = t.two_bridges && i % 2 == 0 ? STR_LIT("other")
                                                                                        : STR_LIT("main"),
                                                  .session = str_from(session),
                                                  .message_id = STR_LIT(""),
                                                  .body = STR_LIT("{}"),
                                                  .key_time_ms = t.log_starts + i,
                                                  .key_digest = digest },
                             &seq),
            0);
        assert_int_equal(seq, i);
    }
    assert_int_equal(event_log_commit(log), 0);
    event_log_close(log);
}

static int setup(void **state)
{
    memset(&t, 0, sizeof t);
    t.log_starts = WALL;
    clock_stepped_init(&t.clock, WALL, 1000000, "boot");
    (void)snprintf(t.dir, sizeof t.dir, "/tmp/zk_backlog_XXXXXX");
    assert_non_null(test_folder(t.dir));
    t.app = test_app(&t.clock, &t.settings);
    return 0;
}

static int teardown(void **state)
{
    char command[128];

    if (t.backlog)
        crash();
    assert_int_equal(app_close(t.app, 0), 0);
    (void)snprintf(command, sizeof command, "rm -rf %s", t.dir);
    return system(command); /* NOLINT(cert-env33-c): a path of our own */
}

/* ---- events ---------------------------------------------------------------------------- */

static void read_log(int64_t from, int64_t to)
{
    CLEANUP(event_rows_fini) struct event_rows rows = EVENT_ROWS_NULL;

    while (from <= to) {
        assert_int_equal(event_read(t.stores.reader, from, NULL, EVENT_READ_ROWS_MAX, &rows), 0);
        for (int i = 0; i < rows.n && rows.rows[i].seq <= to; i++)
            assert_int_equal(backlog_add(t.backlog, &rows.rows[i], true), 0);
        from = rows.next_seq;
    }
    backlog_read_up_to(t.backlog, to);
}

/* Takes the next event that may be sent. Seq 0: there is none. */
static struct backlog_entry take(void)
{
    struct backlog_entry e = { 0 };
    struct session_queue *q;
    int n = 0;

    while (n == 0 && (q = backlog_next(t.backlog, true)))
        assert_int_equal(backlog_take(t.backlog, q, 1, &e, &n), 0);
    return e;
}

static int64_t seq_of(struct backlog_entry e)
{
    return e.event ? e.event->event.seq : 0;
}

static void delivered(struct backlog_entry e)
{
    t.breaker.taken++;
    assert_int_equal(backlog_done(t.backlog, &e), 0);
    backlog_release(t.backlog, &e, 1);
}

static int fail_it(struct backlog_entry e)
{
    const struct delivery_failure_facts facts = { .schedule = &schedule,
                                                  .fault = true,
                                                  .may_give_up = true,
                                                  .jitter_permille = 500,
                                                  .now_ms = t.clock.boot };
    const struct delivery_error error = { .status = 500, .detail = "answered 500" };

    return backlog_failed(t.backlog, &e, &t.breaker, &facts, &error);
}

static void failed(struct backlog_entry e)
{
    assert_int_equal(fail_it(e), 0);
    backlog_release(t.backlog, &e, 1);
}

static void commit(void)
{
    assert_int_equal(group_commit_end(t.commit), 0);
}

/* ---- the tests ------------------------------------------------------------------------------- */

/* One session stuck for hours while others flow: further than the window of bits reaches. */
static void an_event_in_flight_comes_again_after_any_number_of_others(void **state)
{
    int64_t n = ACK_WINDOW_SEQS + 1000;
    struct backlog_entry stuck;

    write_log((int)n, 7);
    open_backlog();
    read_log(1, 1);
    stuck = take();
    assert_int_equal(seq_of(stuck), 1);
    for (int64_t from = 2; from <= n; from += 256) {
        struct backlog_entry e;

        read_log(from, from + 255 < n ? from + 255 : n);
        while (seq_of(e = take()) > 0)
            delivered(e);
        commit();
    }
    crash();
    open_backlog();
    read_log(backlog_position(t.backlog) + 1, n);
    (void)backlog_wake(t.backlog, t.clock.boot + 60000);
    assert_int_equal(seq_of(take()), 1);
}

static void an_event_that_failed_is_first_of_its_session_also_after_a_crash(void **state)
{
    struct backlog_entry e;

    write_log(10, 1);
    open_backlog();
    read_log(1, 10);
    e = take();
    assert_int_equal(seq_of(e), 1);
    failed(e);
    assert_int_equal(seq_of(take()), 0); /* its session waits with it */
    commit();
    crash();
    open_backlog();
    read_log(backlog_position(t.backlog) + 1, 10);
    assert_int_equal(seq_of(take()), 0);
    clock_step(&t.clock, 2000);
    (void)backlog_wake(t.backlog, t.clock.boot);
    for (int64_t seq = 1; seq <= 10; seq++) {
        e = take();
        assert_int_equal(seq_of(e), seq);
        delivered(e);
        commit();
    }
    assert_int_equal(seq_of(take()), 0);
}

static void events_that_were_delivered_do_not_come_again(void **state)
{
    write_log(50, 5);
    open_backlog();
    read_log(1, 50);
    for (int i = 0; i < 30; i++)
        delivered(take());
    commit();
    crash();
    open_backlog();
    read_log(backlog_position(t.backlog) + 1, 50);
    for (int i = 0; i < 20; i++)
        delivered(take());
    assert_int_equal(seq_of(take()), 0);
}

/* A date in the far future that a clock which was set back left behind. */
static void a_stored_retry_is_tried_soon_whatever_the_date_was(void **state)
{
    const struct forward_retry row = { .seq = 1,
                                       .bridge = STR_LIT("main"),
                                       .session = STR_LIT("s0"),
                                       .tries = 2,
                                       .sends = 2,
                                       .next_at = WALL + 10LL * 24 * 3600 * 1000,
                                       .detail = STR_LIT("") };
    int64_t due;

    write_log(1, 1);
    open_backlog();
    assert_int_equal(forward_retry_put(t.stores.db, t.destination, &row), 0);
    assert_int_equal(forward_save_window(t.stores.db, t.destination, 1, STR_LIT("")), 0);
    crash();
    open_backlog();
    due = backlog_wake(t.backlog, t.clock.boot);
    assert_in_range(due, t.clock.boot, t.clock.boot + 2 * 60000);
    (void)backlog_wake(t.backlog, due);
    assert_int_equal(seq_of(take()), 1);
}

static void an_event_is_given_up_only_after_its_schedule(void **state)
{
    write_log(2, 1);
    open_backlog();
    read_log(1, 2);
    for (int i = 0; i < schedule.n; i++) {
        struct backlog_entry e = take();

        assert_int_equal(seq_of(e), 1);
        t.breaker.taken++; /* of another session, meanwhile */
        failed(e);
        clock_step(&t.clock, 120000);
        (void)backlog_wake(t.backlog, t.clock.boot);
    }
    assert_int_equal(t.dead.n, 1);
    assert_int_equal(seq_of(take()), 2);
}

/* After a power cut forward.db must know the events that the cursor lets retention remove. */
static void the_cursor_waits_for_a_checkpoint_that_moved_everything(void **state)
{
    struct state_store state_db = STATE_STORE(t.dir, "trying again");
    struct checkpoint c;
    struct db *reader, *s;
    int64_t seq = -1;

    write_log(5, 1);
    open_backlog();
    checkpoint_init(&c, t.stores.db, t.commit, &state_db, &t.clock.clock);
    assert_int_equal(forward_open_reader(t.dir, &reader), 0);
    assert_int_equal(db_begin_reads(reader), 0);
    assert_int_equal(forward_destinations_count(reader, &seq), 0); /* it holds the WAL from here on */
    assert_int_equal(group_commit_begin(t.commit), 0);
    assert_int_equal(forward_save_off(t.stores.db, t.destination, 7, 0), 0);
    commit();
    assert_int_equal(checkpoint_make(&c, 5), 0);
    assert_int_equal(state_store_open(&state_db), 0);
    s = state_db.db;
    assert_int_equal(cursor_find(s, CHECKPOINT_CONSUMER, &seq), 0);
    assert_int_equal(seq, 0);
    db_end_reads(reader);
    db_close(reader);
    assert_int_equal(checkpoint_make(&c, 5), 0);
    assert_int_equal(cursor_find(s, CHECKPOINT_CONSUMER, &seq), 0);
    assert_int_equal(seq, 5);
    state_store_close(&state_db);
}

/* The hard limit of the log has removed what was not delivered yet. */
static void events_that_the_log_lost_become_a_dead_letter(void **state)
{
    write_log(10, 1);
    open_backlog();
    read_log(1, 4);
    assert_int_equal(backlog_skip_gap(t.backlog, 5), 0); /* there is none */
    assert_int_equal(t.dead.n, 0);
    assert_int_equal(backlog_skip_gap(t.backlog, 8), 0);
    assert_int_equal(t.dead.n, 1); /* one for all of them */
    commit();
    crash();
    open_backlog();
    assert_int_equal(t.dead.n, 1);
}

static void an_event_that_waits_can_be_skipped(void **state)
{
    struct backlog_entry e;
    bool found = false;

    write_log(4, 1);
    open_backlog();
    read_log(1, 4);
    failed(take());
    assert_int_equal(backlog_skip(t.backlog, 3, &found), 0);
    assert_true(found);
    assert_int_equal(backlog_skip(t.backlog, 1, &found), 0);
    assert_true(found);
    assert_int_equal(backlog_skip(t.backlog, 9, &found), 0);
    assert_false(found);
    e = take();
    assert_int_equal(seq_of(e), 2);
    assert_int_equal(backlog_skip(t.backlog, 2, &found), 0);
    assert_false(found); /* it is in flight */
    delivered(e);
    assert_int_equal(seq_of(take()), 4);
    assert_int_equal(t.dead.n, 2);
}

/* One session with more refused events than there may be rows. */
static void very_many_events_behind_a_failed_one_are_found_in_the_log(void **state)
{
    int64_t n = 3 * QUEUE_ROWS_SESSION_MAX;
    struct backlog_counts c;

    write_log((int)n, 2); /* every other event is of s1 */
    open_backlog();
    read_log(1, 1);
    failed(take());
    for (int64_t from = 2; from <= n; from += 256) {
        struct backlog_entry e;

        read_log(from, from + 255 < n ? from + 255 : n);
        while (seq_of(e = take()) > 0)
            delivered(e); /* the other session's */
        commit();
    }
    backlog_count(t.backlog, &c);
    assert_int_equal(c.blocked, n / 2 - 1);
    assert_true(backlog_needs(t.backlog) < 1);
    crash();
    open_backlog();
    backlog_count(t.backlog, &c);
    assert_int_equal(c.blocked, n / 2 - 1);
    (void)backlog_wake(t.backlog, t.clock.boot + 60000);
    for (int64_t seq = 1; seq <= n; seq += 2) {
        struct backlog_entry e = take();

        assert_int_equal(seq_of(e), seq);
        delivered(e);
        if (seq % 101 == 0)
            commit();
    }
    commit();
    assert_int_equal(seq_of(take()), 0);
    backlog_count(t.backlog, &c);
    assert_int_equal(c.blocked + c.retry, 0);
    crash();
    open_backlog();
    read_log(backlog_position(t.backlog) + 1, n);
    assert_int_equal(seq_of(take()), 0);
}

static void remove_log(void)
{
    static const char *const files[] = { "events.db", "events.db-wal", "events.db-shm", "events.db-id" };
    char path[128];

    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", t.dir, files[i]);
        (void)unlink(path);
    }
}

/* Nothing of it was delivered, as far as it may have got meanwhile. */
static void another_log_is_delivered_from_its_start(void **state)
{
    write_log(20, 5);
    open_backlog();
    read_log(1, 20);
    for (int i = 0; i < 20; i++)
        delivered(take());
    commit();
    crash();
    remove_log();
    t.log_starts = WALL + 1000000;
    write_log(30, 5);
    open_backlog();
    assert_true(backlog_position(t.backlog) < 1);
    read_log(1, 30);
    for (int i = 0; i < 30; i++)
        delivered(take());
}

/* A session is that of its bridge. */
static void sessions_of_one_name_on_two_bridges_do_not_wait_for_each_other(void **state)
{
    struct backlog_entry e;

    t.two_bridges = true;
    write_log(4, 1);
    open_backlog();
    read_log(1, 4);
    e = take();
    assert_int_equal(seq_of(e), 1);
    failed(e);
    for (int64_t seq = 2; seq <= 4; seq += 2) { /* those of the other bridge */
        e = take();
        assert_int_equal(seq_of(e), seq);
        delivered(e);
    }
    assert_int_equal(seq_of(take()), 0);
}

/* ---- what cannot be written or read ----------------------------------------------------------- */

/* Nothing counts as kept that is not: the group commit knows, and all is read anew. */
static void an_error_of_forward_db_is_not_lost_on_its_way(void **state)
{
    struct backlog_entry e;

    write_log(10, 1);
    open_backlog();
    read_log(1, 2);
    e = take();
    t.fail_retry = -ENOSPC;
    assert_int_equal(fail_it(e), -ENOSPC);
    assert_int_equal(group_commit_end(t.commit), -ENOSPC);
    crash();
    t.fail_retry = 0;
    open_backlog();
    read_log(1, 2);
    e = take();
    assert_int_equal(seq_of(e), 1);
    t.fail_blocked = -ENOSPC; /* of the one behind it */
    assert_int_equal(fail_it(e), -ENOSPC);
    assert_int_equal(group_commit_end(t.commit), -ENOSPC);
    crash();
    t.fail_blocked = 0;
    open_backlog();
    read_log(1, 10);
    for (int64_t seq = 1; seq <= 10; seq++) {
        e = take();
        assert_int_equal(seq_of(e), seq);
        delivered(e);
    }
}

static void an_event_that_cannot_become_a_dead_letter_is_still_there(void **state)
{
    struct backlog_entry e;

    write_log(1, 1);
    open_backlog();
    read_log(1, 1);
    for (int i = 1; i < schedule.n; i++) {
        failed(take());
        t.breaker.taken++; /* of another session, meanwhile */
        commit();
        clock_step(&t.clock, 120000);
        (void)backlog_wake(t.backlog, t.clock.boot);
    }
    e = take();
    t.breaker.taken++;
    t.fail_dead = -ENOSPC;
    assert_int_equal(fail_it(e), -ENOSPC);
    assert_int_equal(group_commit_end(t.commit), -ENOSPC);
    crash();
    t.fail_dead = 0;
    open_backlog();
    clock_step(&t.clock, 120000);
    (void)backlog_wake(t.backlog, t.clock.boot);
    assert_int_equal(t.dead.n, 0);
    assert_int_equal(seq_of(take()), 1);
}

static void a_log_that_cannot_be_read_for_a_moment_is_read_again(void **state)
{
    struct backlog_entry e;
    int64_t due;

    write_log(2, 1);
    open_backlog();
    read_log(1, 2);
    failed(take());
    clock_step(&t.clock, 120000);
    (void)backlog_wake(t.backlog, t.clock.boot);
    t.fail_read = -EIO;
    assert_int_equal(seq_of(take()), 0);
    t.fail_read = 0;
    due = backlog_wake(t.backlog, t.clock.boot);
    assert_in_range(due, t.clock.boot, t.clock.boot + 1000);
    clock_step(&t.clock, 1000);
    (void)backlog_wake(t.backlog, t.clock.boot);
    e = take();
    assert_int_equal(seq_of(e), 1);
    delivered(e);
    assert_int_equal(seq_of(take()), 2);
}

/* ---- memory ---------------------------------------------------------------------------------- */

static void the_memory_of_events_is_free_again(void **state)
{
    struct backlog_counts c;
    struct backlog_entry e;

    write_log(20, 5);
    open_backlog();
    read_log(1, 20);
    failed(take());
    while (seq_of(e = take()) > 0)
        delivered(e);
    backlog_count(t.backlog, &c);
    assert_int_equal(c.events, 0);
    assert_int_equal(c.bytes, 0);
}

/* Those in flight are still needed by their requests. */
static void an_event_in_flight_stays_in_memory_when_it_runs_short(void **state)
{
    struct backlog_counts c;
    struct backlog_entry e;

    write_log(5, 1);
    open_backlog();
    read_log(1, 5);
    e = take();
    assert_int_equal(backlog_spill(t.backlog, 0), 0);
    backlog_count(t.backlog, &c);
    assert_int_equal(c.events, 1);
    assert_int_equal(seq_of(e), 1);
    delivered(e);
    for (int64_t seq = 2; seq <= 5; seq++) {
        e = take();
        assert_int_equal(seq_of(e), seq);
        delivered(e);
    }
}

static void of_two_sessions_that_wait_the_first_wakes_it(void **state)
{
    int64_t first, due;

    write_log(2, 2);
    open_backlog();
    read_log(1, 2);
    failed(take());
    first = backlog_wake(t.backlog, t.clock.boot);
    clock_step(&t.clock, (first - t.clock.boot) / 2);
    failed(take());
    assert_int_equal(backlog_wake(t.backlog, t.clock.boot), first);
    clock_step(&t.clock, first - t.clock.boot);
    due = backlog_wake(t.backlog, t.clock.boot);
    assert_true(due > first); /* and the other one is not forgotten */
    assert_int_equal(seq_of(take()), 1);
    assert_int_equal(seq_of(take()), 0);
    (void)backlog_wake(t.backlog, due);
    assert_int_equal(seq_of(take()), 2);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_event_in_flight_comes_again_after_any_number_of_others),
        TEST(an_event_that_failed_is_first_of_its_session_also_after_a_crash),
        TEST(events_that_were_delivered_do_not_come_again),
        TEST(a_stored_retry_is_tried_soon_whatever_the_date_was),
        TEST(an_event_is_given_up_only_after_its_schedule),
        TEST(the_cursor_waits_for_a_checkpoint_that_moved_everything),
        TEST(events_that_the_log_lost_become_a_dead_letter),
        TEST(an_event_that_waits_can_be_skipped),
        TEST(another_log_is_delivered_from_its_start),
        TEST(sessions_of_one_name_on_two_bridges_do_not_wait_for_each_other),
        TEST(an_error_of_forward_db_is_not_lost_on_its_way),
        TEST(an_event_that_cannot_become_a_dead_letter_is_still_there),
        TEST(a_log_that_cannot_be_read_for_a_moment_is_read_again),
        TEST(the_memory_of_events_is_free_again),
        TEST(an_event_in_flight_stays_in_memory_when_it_runs_short),
        TEST(of_two_sessions_that_wait_the_first_wakes_it),
        TEST(very_many_events_behind_a_failed_one_are_found_in_the_log),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
