/*
 * Changesets and their commits, on a store in memory: observations become rows, history, due reconnections and
 * alerts, in one transaction or not at all.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/mem.h"
#include "common/store/cursors.h"
#include "common/store/sqlite/open.h"
#include "common/store/sqlite/schemas.h"
#include "services/monitor/commit.h"
#include "tests/unit/monitor_rules.h"
#include "tests/unit/test_store.h"

#define START_MS 120000

/* The linker lets these come through here (CMakeLists.txt). */
int __real_db_commit(struct db *db);
int __wrap_db_commit(struct db *db);
int __real_cursor_save(struct db *state, const char *consumer, int64_t seq, int64_t now_ms);
int __wrap_cursor_save(struct db *state, const char *consumer, int64_t seq, int64_t now_ms);
static int fail_commit, fail_cursor;

int __wrap_db_commit(struct db *db)
{
    return fail_commit ? fail_commit : __real_db_commit(db);
}

int __wrap_cursor_save(struct db *state, const char *consumer, int64_t seq, int64_t now_ms)
{
    return fail_cursor ? fail_cursor : __real_cursor_save(state, consumer, seq, now_ms);
}

struct bench {
    struct clock_stepped clock;
    struct rng rng;
    struct db *db;
    struct session_table *table;
    struct changeset changeset;
    struct alert_tracker alerts;
    struct commit_context rec;
    struct bridge_update also;
    struct rules rules; /* alerts go out at once */
    int64_t sweep;
};

static void open_bench(struct bench *b)
{
    *b = (struct bench){ 0 };
    clock_stepped_init(&b->clock, 1700000000000, 5000000, "boot");
    rng_init(&b->rng, 1);
    b->db = test_state();
    assert_int_equal(session_table_new(&b->table), 0);
    b->rules = *default_rules();
    b->rules.alert_hold_ms = b->rules.alert_repeat_ms = 0;
    alert_tracker_init(&b->alerts, &b->rules, "main");
    b->rec = (struct commit_context){ .clock = &b->clock.clock,
                                      .rng = &b->rng,
                                      .db = b->db,
                                      .rules = &b->rules,
                                      .policy = &policy_default,
                                      .bridge = "main",
                                      .alerts = &b->alerts };
}

static void close_bench(struct bench *b)
{
    changeset_fini(&b->changeset);
    alert_tracker_fini(&b->alerts);
    session_table_free(b->table);
    db_close(b->db);
}

/* A new round, a second later. */
static void begin(struct bench *b)
{
    struct now now;

    clock_step(&b->clock, 1000);
    assert_int_equal(steady_now(b->db, &b->clock.clock, &now), 0);
    changeset_begin(&b->changeset, b->table, &b->rules, now.steady_ms, now.wall_ms);
    b->sweep++;
}

static int see(struct bench *b, const char *id, enum session_state state)
{
    struct bridge_session s = { .state = state, .raw_status = "raw", .phone = "551", .reconnectable = true };

    (void)snprintf(s.id, sizeof s.id, "%s", id);
    return changeset_poll(&b->changeset, &s, b->changeset.now, b->sweep, false);
}

static int hear(struct bench *b, const char *id, enum session_state state, int code)
{
    struct session_webhook h = {
        .state = state, .code = code, .at = b->changeset.now_wall, .occurred_at = b->changeset.now_wall
    };

    (void)snprintf(h.id, sizeof h.id, "%s", id);
    return changeset_webhook(&b->changeset, &h, false);
}

static int commit(struct bench *b)
{
    int r = commit_changeset(&b->rec, &b->changeset, &b->also);

    b->also = (struct bridge_update){ .quiet = b->also.quiet };
    return r;
}

/* Commits, and forgets the notifications. */
static void commit_done(struct bench *b)
{
    assert_in_range(commit(b), 0, COMMIT_NOTHING);
    changeset_done(&b->changeset);
    b->alerts.n = 0;
}

static void connect(struct bench *b, int n)
{
    char id[16];

    begin(b);
    for (int i = 0; i < n; i++) {
        (void)snprintf(id, sizeof id, "s%d", i);
        assert_int_equal(see(b, id, SESSION_CONNECTED), 0);
    }
    commit_done(b);
}

static int64_t waiting(struct bench *b)
{
    int64_t n = -1;

    assert_int_equal(alerts_waiting(b->db, ALERTS_SINK_ALL, &n), 0);
    return n;
}

/* ---- changes --------------------------------------------------------------------------------- */

static void test_an_unchanged_sweep_writes_nothing(void **state)
{
    struct bench b;

    open_bench(&b);
    connect(&b, 3);
    begin(&b);
    assert_int_equal(see(&b, "s0", SESSION_CONNECTED), 0);
    assert_int_equal(see(&b, "s1", SESSION_CONNECTED), 0);
    assert_int_equal(see(&b, "s2", SESSION_CONNECTED), 0);
    assert_int_equal(b.changeset.n, 0);
    assert_int_equal(commit(&b), COMMIT_NOTHING);
    close_bench(&b);
}

static void test_a_drop_is_recorded_and_put_up(void **state)
{
    struct bench b;
    struct session_row row;
    struct reconnect_row re;

    open_bench(&b);
    connect(&b, 3);
    begin(&b);
    assert_int_equal(hear(&b, "s1", SESSION_DISCONNECTED, 428), 0);
    b.also.cursor = 7;
    assert_int_equal(commit(&b), 0);
    assert_int_equal(b.changeset.n, 1);
    assert_true(b.changeset.changes[0].due_wall > 0);
    assert_int_equal(sessions_find(b.db, "main", "s1", &row), 0);
    assert_int_equal(row.state, SESSION_DISCONNECTED);
    assert_string_equal(row.cause, "connection-closed");
    assert_int_equal(row.code, 428);
    assert_string_equal(row.phone, "551"); /* knowledge of the poll alone is kept */
    assert_int_equal(reconnects_find(b.db, "main", "s1", &re), 0);
    assert_int_equal(re.retry.phase, RETRY_DUE);
    assert_int_equal(cursor_find(b.db, "monitor", &row.since), 0);
    assert_int_equal(row.since, 7);
    close_bench(&b);
}

struct history {
    int n;
    int to[8];
};

static int on_change(void *ctx, const struct session_change *c)
{
    struct history *h = ctx;

    h->to[h->n++] = c->to;
    return 0;
}

/* Down and up in one batch of webhooks: both stand in the history, the row has the last. */
static void test_two_changes_in_one_round(void **state)
{
    struct bench b;
    struct session_row row;
    struct history h = { 0 };

    open_bench(&b);
    connect(&b, 1);
    begin(&b);
    assert_int_equal(hear(&b, "s0", SESSION_DISCONNECTED, 428), 0);
    assert_int_equal(hear(&b, "s0", SESSION_CONNECTED, 0), 0);
    commit_done(&b);
    assert_int_equal(sessions_find(b.db, "main", "s0", &row), 0);
    assert_int_equal(row.state, SESSION_CONNECTED);
    assert_string_equal(row.cause, "");
    assert_int_equal(sessions_each_change(b.db, "main", "s0", 8, on_change, &h), 0);
    assert_int_equal(h.n, 3);
    assert_int_equal(h.to[0], SESSION_CONNECTED);
    assert_int_equal(h.to[1], SESSION_DISCONNECTED);
    close_bench(&b);
}

/* The store fails: all is as before, and the same round works when it is well again. */
static void test_a_failure_undoes_all(void **state)
{
    struct bench b;
    struct tracked_session *s;
    struct session_row row;

    open_bench(&b);
    connect(&b, 2);
    begin(&b);
    assert_int_equal(hear(&b, "s0", SESSION_DISCONNECTED, 401), 0);
    assert_int_equal(hear(&b, "fresh", SESSION_CONNECTED, 0), 0);
    assert_int_equal(db_begin(b.db), 0); /* a transaction is open: recording cannot begin one */
    assert_true(commit(&b) < 0);
    db_rollback(b.db);
    assert_int_equal(b.changeset.n, 0);
    s = session_table_find(b.table, "s0");
    assert_int_equal(s->known.state, SESSION_CONNECTED);
    assert_int_equal(s->flap.score, 0);
    assert_int_equal(s->alert, ALERT_NONE);
    assert_null(session_table_find(b.table, "fresh"));
    assert_int_equal(b.alerts.n, 0);
    begin(&b);
    assert_int_equal(hear(&b, "s0", SESSION_DISCONNECTED, 401), 0);
    commit_done(&b);
    assert_int_equal(sessions_find(b.db, "main", "s0", &row), 0);
    assert_int_equal(row.state, SESSION_LOGGED_OUT);
    close_bench(&b);
}

/* WhatsApp says when it ends; before that a call would make it longer. */
static void test_a_banned_session_waits_for_the_end_of_its_ban(void **state)
{
    const int64_t ban_ms = 3600 * INT64_C(1000);
    struct session_webhook h = { .id = "s0", .state = SESSION_FAILED, .code = 402 };
    struct reconnect_row row;
    struct bench b;

    open_bench(&b);
    connect(&b, 1);
    begin(&b);
    h.at = h.occurred_at = b.changeset.now_wall;
    h.ban_until = b.changeset.now_wall + ban_ms;
    assert_int_equal(changeset_webhook(&b.changeset, &h, false), 0);
    assert_int_equal(commit(&b), 0);
    assert_int_equal(reconnects_find(b.db, "main", "s0", &row), 0);
    assert_int_equal(row.retry.reason, RETRY_FOR_BAN_OVER);
    assert_true(row.retry.due_at >= b.changeset.now + ban_ms);
    close_bench(&b);
}

/* A disk that is full at the commit, or in the middle of it. */
static void test_an_alert_of_a_failed_commit_is_raised_by_the_next(void **state)
{
    struct bench b;

    open_bench(&b);
    connect(&b, 2);
    for (int i = 0; i < 2; i++) {
        begin(&b);
        assert_int_equal(hear(&b, "s0", SESSION_DISCONNECTED, 401), 0);
        b.also.facts.drifted = true;
        b.also.cursor = 7;
        fail_commit = i == 0 ? -ENOSPC : 0;
        fail_cursor = i == 1 ? -ENOSPC : 0;
        assert_int_equal(commit(&b), -ENOSPC);
        fail_commit = fail_cursor = 0;
        db_rollback(b.db);
        assert_int_equal(b.alerts.n, 0);
        assert_false(b.alerts.active[ALERT_WEBHOOKS_DRIFTED]);
        assert_int_equal(waiting(&b), 0);
    }
    begin(&b);
    assert_int_equal(hear(&b, "s0", SESSION_DISCONNECTED, 401), 0);
    b.also.facts.drifted = true;
    assert_int_equal(commit(&b), 0);
    assert_int_equal(b.alerts.n, 2);
    assert_true(b.alerts.active[ALERT_WEBHOOKS_DRIFTED]);
    assert_int_equal(waiting(&b), 2);
    close_bench(&b);
}

static void remove_session(struct bench *b, const char *id)
{
    struct now now;

    assert_int_equal(steady_now(b->db, &b->clock.clock, &now), 0);
    assert_int_equal(sessions_remove(b->db, &now, "main", id), 0);
}

/* Somebody deletes a session while we hold it: it is forgotten, not written again. */
static void test_a_deleted_session_is_forgotten(void **state)
{
    struct bench b;
    struct session_row row;

    open_bench(&b);
    connect(&b, 2);
    begin(&b);
    assert_int_equal(hear(&b, "s0", SESSION_DISCONNECTED, 401), 0);
    commit_done(&b);
    remove_session(&b, "s0");
    begin(&b);
    assert_int_equal(changeset_touch(&b.changeset, session_table_find(b.table, "s0"), true), 0);
    assert_int_equal(hear(&b, "s0", SESSION_CONNECTED, 0), 0);
    assert_int_equal(commit(&b), 0);
    assert_int_equal(b.changeset.n, 0);
    assert_null(session_table_find(b.table, "s0"));
    assert_int_equal(sessions_find(b.db, "main", "s0", &row), SESSIONS_NONE);
    assert_int_equal(waiting(&b), 2); /* its alert has begun and ended */
    assert_int_equal(session_table_count(b.table), 1);
    close_bench(&b);
}

/* … and created again before we have looked: memory of its former life is not written into the new row.
 */
static void test_a_session_created_again_is_another_one(void **state)
{
    struct bench b;
    struct session_row row = { .bridge = "main", .id = "s0", .state = SESSION_QR_PENDING };

    open_bench(&b);
    connect(&b, 1);
    remove_session(&b, "s0");
    row.first_seen = session_table_find(b.table, "s0")->first_seen + 500;
    assert_int_equal(sessions_save(b.db, &row), 0);
    begin(&b);
    assert_int_equal(changeset_touch(&b.changeset, session_table_find(b.table, "s0"), true), 0);
    assert_int_equal(commit(&b), 0);
    assert_null(session_table_find(b.table, "s0"));
    assert_int_equal(sessions_find(b.db, "main", "s0", &row), 0);
    assert_int_equal(row.state, SESSION_QR_PENDING);
    close_bench(&b);
}

/* News on its way when the session was deleted is about its former life. */
static void test_what_is_heard_of_the_deleted(void **state)
{
    static const struct {
        int64_t at, occurred_at;
        bool known, want;
    } cases[] = {
        { 999, 900, true, true }, /* received before */
        { 1000, 1000, true, true },
        { 1500, 1000, true, true }, /* said before, received after */
        { 1500, 1001, true, false },
        { 1500, 0, true, false }, /* the bridge dates nothing: only when it was received is known */
        { 1000, 0, true, true },
        { 999, 2000, true, true },   /* the bridge's clock is ahead */
        { 1500, 1400, false, true }, /* it is asked first */
        { 1500, 2000, false, true },
        { 1500, 0, false, true },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct session_webhook h = { .at = cases[i].at, .occurred_at = cases[i].occurred_at };

        assert_int_equal(webhook_is_of_deleted(&h, 1000, cases[i].known), cases[i].want);
    }
}

/* ---- flapping -------------------------------------------------------------------------------- */

static void drop_and_back(struct bench *b, int code, int n)
{
    for (int i = 0; i < n; i++) {
        begin(b);
        assert_int_equal(hear(b, "s0", SESSION_DISCONNECTED, code), 0);
        commit_done(b);
        begin(b);
        assert_int_equal(hear(b, "s0", SESSION_CONNECTED, 0), 0);
        commit_done(b);
    }
}

static void test_flapping(void **state)
{
    struct bench b;
    struct session_row row;

    open_bench(&b);
    connect(&b, 1);
    drop_and_back(&b, 428, 3);
    assert_int_equal(session_table_find(b.table, "s0")->alert, ALERT_NONE);
    drop_and_back(&b, 428, 1);
    assert_int_equal(session_table_find(b.table, "s0")->alert, ALERT_SESSION_FLAPPING);
    assert_int_equal(sessions_find(b.db, "main", "s0", &row), 0);
    assert_true(row.suppressed_until > b.changeset.now);
    close_bench(&b);
}

/* Effects of the bridge's own trouble, and restarts that WhatsApp asks for, are no instability of a session.
 */
static void test_not_flapping(void **state)
{
    static const struct {
        bool quiet;
        int code;
    } cases[] = { { true, 428 }, { false, 515 } };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bench b;

        open_bench(&b);
        connect(&b, 1);
        b.also.quiet = cases[i].quiet;
        drop_and_back(&b, cases[i].code, 20);
        assert_int_equal(session_table_find(b.table, "s0")->flap.score, 0);
        close_bench(&b);
    }
}

/* ---- alerts ---------------------------------------------------------------------------------- */

/* Told on change, not on repeat. */
static void test_told_once(void **state)
{
    struct bench b;

    open_bench(&b);
    connect(&b, 2);
    for (int i = 0; i < 3; i++) {
        begin(&b);
        assert_int_equal(see(&b, "s0", SESSION_LOGGED_OUT), 0);
        assert_int_equal(see(&b, "s1", SESSION_CONNECTED), 0);
        commit_done(&b);
        assert_int_equal(waiting(&b), 1);
    }
    begin(&b);
    assert_int_equal(see(&b, "s0", SESSION_CONNECTED), 0);
    commit_done(&b);
    assert_int_equal(waiting(&b), 2); /* resolved */
    close_bench(&b);
}

/* During an incident no alert goes out per session; sessions that are still down afterwards get one. */
static void test_quiet(void **state)
{
    struct bench b;

    open_bench(&b);
    connect(&b, 2);
    begin(&b);
    b.also.quiet = true;
    assert_int_equal(see(&b, "s0", SESSION_LOGGED_OUT), 0);
    commit_done(&b);
    assert_int_equal(waiting(&b), 0);
    b.also.quiet = false;
    begin(&b);
    assert_int_equal(changeset_touch(&b.changeset, session_table_find(b.table, "s0"), false), 0);
    commit_done(&b);
    assert_int_equal(waiting(&b), 1);
    close_bench(&b);
}

static void see_all(struct bench *b, int n, enum session_state state)
{
    char id[16];

    for (int i = 0; i < n; i++) {
        (void)snprintf(id, sizeof id, "s%d", i);
        assert_int_equal(see(b, id, state), 0);
    }
}

/* Many with the same fate are one message, and one when it is over. */
static void test_a_crowd_is_told_as_one(void **state)
{
    struct bench b;
    struct alert_note note;
    int n = 0;

    open_bench(&b);
    connect(&b, 40);
    begin(&b);
    see_all(&b, 40, SESSION_LOGGED_OUT);
    commit_done(&b);
    assert_int_equal(waiting(&b), 1);
    assert_int_equal(alerts_read(b.db, ALERTS_SINK_ALL, &note, 1, &n), 0);
    assert_int_equal(n, 1);
    assert_string_equal(note.row.session, "");
    assert_non_null(strstr(note.row.detail, "40 sessions"));
    begin(&b);
    see_all(&b, 39, SESSION_CONNECTED);
    commit_done(&b);
    assert_int_equal(waiting(&b), 1);
    begin(&b);
    see_all(&b, 40, SESSION_CONNECTED);
    commit_done(&b);
    assert_int_equal(waiting(&b), 2);
    assert_int_equal(alert_tracker_active(&b.alerts, b.table), 0);
    close_bench(&b);
}

/* A restart raises nothing anew, and resolves alerts whose fault is over. */
static void test_alerts_survive_a_restart(void **state)
{
    struct bench b;

    open_bench(&b);
    connect(&b, 40);
    begin(&b);
    see_all(&b, 40, SESSION_LOGGED_OUT);
    commit_done(&b);
    alert_tracker_fini(&b.alerts);
    alert_tracker_init(&b.alerts, default_rules(), "main");
    for (int i = 0; i < 40; i++)
        session_table_at(b.table, i)->alert = ALERT_NONE;
    assert_int_equal(alert_tracker_load(&b.alerts, b.db, b.table), 0);
    begin(&b);
    for (int i = 0; i < 40; i++)
        assert_int_equal(changeset_touch(&b.changeset, session_table_at(b.table, i), false), 0);
    commit_done(&b);
    assert_int_equal(waiting(&b), 1);
    begin(&b);
    see_all(&b, 40, SESSION_CONNECTED);
    commit_done(&b);
    assert_int_equal(waiting(&b), 2);
    close_bench(&b);
}

/* Every session refused as outdated (405) is one message of the bridge. */
static void test_outdated_is_the_bridges(void **state)
{
    struct bench b;
    char id[16];

    open_bench(&b);
    connect(&b, 6);
    begin(&b);
    for (int i = 0; i < 6; i++) {
        (void)snprintf(id, sizeof id, "s%d", i);
        assert_int_equal(hear(&b, id, SESSION_DISCONNECTED, 405), 0);
    }
    commit_done(&b);
    assert_int_equal(waiting(&b), 1);
    assert_true(b.alerts.active[ALERT_BRIDGE_OUTDATED]);
    begin(&b);
    assert_int_equal(hear(&b, "s0", SESSION_CONNECTED, 0), 0);
    commit_done(&b);
    assert_false(b.alerts.active[ALERT_BRIDGE_OUTDATED]);
    close_bench(&b);
}

static void test_bridge_alerts(void **state)
{
    static const struct {
        struct alert_bridge_facts facts;
        int64_t notes; /* in all, after it */
    } steps[] = {
        { { 0 }, 0 },
        { { .incident = true }, 1 },
        { { .down = true, .incident = true }, 3 }, /* one ends, a graver one begins */
        { { .down = true }, 3 },
        { { 0 }, 4 },
        { { .key_refused = true }, 5 },
        { { 0 }, 6 },
    };
    struct bench b;

    open_bench(&b);
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        begin(&b);
        b.also.facts = steps[i].facts;
        commit_done(&b);
        assert_int_equal(waiting(&b), steps[i].notes);
    }
    close_bench(&b);
}

static void test_every_allocation_fails(void **state)
{
    for (long n = 0;; n++) {
        struct bench b;
        int r;

        open_bench(&b);
        connect(&b, 3);
        begin(&b);
        mem_fail_after(n);
        r = hear(&b, "s0", SESSION_DISCONNECTED, 401);
        if (r == 0)
            r = hear(&b, "new", SESSION_DISCONNECTED, 428);
        if (r == 0)
            r = commit(&b);
        mem_fail_after(-1);
        if (r != 0) {
            changeset_undo(&b.changeset);
            assert_int_equal(session_table_find(b.table, "s0")->known.state, SESSION_CONNECTED);
            assert_int_equal(session_table_count(b.table), 3);
            assert_int_equal(waiting(&b), 0);
        }
        close_bench(&b);
        if (r == 0)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_unchanged_sweep_writes_nothing),
        cmocka_unit_test(test_a_drop_is_recorded_and_put_up),
        cmocka_unit_test(test_two_changes_in_one_round),
        cmocka_unit_test(test_a_failure_undoes_all),
        cmocka_unit_test(test_a_banned_session_waits_for_the_end_of_its_ban),
        cmocka_unit_test(test_an_alert_of_a_failed_commit_is_raised_by_the_next),
        cmocka_unit_test(test_a_deleted_session_is_forgotten),
        cmocka_unit_test(test_a_session_created_again_is_another_one),
        cmocka_unit_test(test_what_is_heard_of_the_deleted),
        cmocka_unit_test(test_flapping),
        cmocka_unit_test(test_not_flapping),
        cmocka_unit_test(test_told_once),
        cmocka_unit_test(test_quiet),
        cmocka_unit_test(test_a_crowd_is_told_as_one),
        cmocka_unit_test(test_alerts_survive_a_restart),
        cmocka_unit_test(test_outdated_is_the_bridges),
        cmocka_unit_test(test_bridge_alerts),
        cmocka_unit_test(test_every_allocation_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
