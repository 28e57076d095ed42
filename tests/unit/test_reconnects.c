/*
 * The store's side of reconnections: claims under contention, the fence, repairs, notifications, parks, limits
 * of history. The decisions are tested in test_retry and test_verdict; here, that it is decided on the right
 * rows and written as a whole.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/mem.h"
#include "common/reconnect/reconnect.h"
#include "common/store/store.h"
#include "tests/unit/test_folder.h"
#include "tests/unit/test_store.h"

#define S ((int64_t)1000)
#define B "main"

struct fx {
    char dir[64];
    const char *where;
    struct db *db, *other; /* two processes */
    struct clock_stepped clock;
    struct rng rng;
    struct policy p;
};

static struct now now_of(struct fx *f)
{
    struct now now = { 0 };

    assert_int_equal(steady_now(f->db, &f->clock.clock, &now), 0);
    return now;
}

static void sweep(struct fx *f)
{
    struct now now = now_of(f);

    assert_int_equal(bridges_set_swept(f->db, &now, B, now.steady_ms, 3600 * S), 0);
}

static int setup(void **state)
{
    struct fx *f = calloc(1, sizeof *f);
    struct now now;

    /* Without a disk to wait for, where there is such a place: what a power loss leaves is test_power_loss's. */
    (void)snprintf(f->dir, sizeof f->dir, "%s/zk-test-XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    assert_non_null(test_folder(f->dir));
    f->where = test_store(f->dir);
    assert_int_equal(db_open_state(f->where, &f->db), 0);
    assert_int_equal(db_open_state(f->where, &f->other), 0);
    clock_stepped_init(&f->clock, 1795340484332, 1000 * S, "boot");
    rng_init(&f->rng, 1);
    f->p = policy_default;
    f->p.rate_milli = 1000 * 1000;
    f->p.burst = 100;
    now = now_of(f);
    assert_int_equal(reconnect_set_policy(f->db, B, &f->p), 0);
    assert_int_equal(bridges_set_driver(f->db, B, "contract"), 0);
    assert_int_equal(reconnect_set_bridge_health(f->db, &now, B, BRIDGE_HEALTH_UP, ""), 0);
    sweep(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fx *f = *state;
    char path[128];

    db_close(f->db);
    db_close(f->other);
    (void)snprintf(path, sizeof path, "%s/" STATE_DB_FILE, f->dir);
    (void)unlink(path);
    (void)strcat(path, "-journal");
    (void)unlink(path);
    assert_int_equal(rmdir(f->dir), 0);
    free(f);
    return 0;
}

/* As the monitor does when it sees a state. */
static struct reconnect_followed see(struct fx *f, const char *id, enum session_state to, int code)
{
    struct session_row row = { .state = SESSION_CONNECTED };
    struct retry_change change = { .to = to, .cause = code ? cause_find(code) : NULL };
    struct reconnect_followed ret = { 0 };
    struct now now = now_of(f);

    (void)sessions_find(f->db, B, id, &row);
    change.from = row.state;
    row.state = to;
    str_copy(STR_LIT(B), row.bridge, sizeof row.bridge);
    str_copy(str_from(id), row.id, sizeof row.id);
    str_copy(str_from(change.cause ? change.cause->name : ""), row.cause, sizeof row.cause);
    assert_int_equal(db_begin(f->db), 0);
    assert_int_equal(sessions_save(f->db, &row), 0);
    assert_int_equal(reconnect_follow(f->db, &f->p, &now, B, id, &change, rng_next(&f->rng), &ret), 0);
    assert_int_equal(db_commit(f->db), 0);
    return ret;
}

static struct claims claim(struct fx *f, struct db *db, int max)
{
    struct claim_options o = { .policy = &f->p, .bridge = B, .worker = "w1", .max = max };
    struct claims c = { 0 };

    assert_int_equal(reconnect_claim(db, &f->clock.clock, &f->rng, &o, &c), 0);
    return c;
}

static int called(struct fx *f, const struct claim *c, enum attempt_outcome o)
{
    struct call_result result = { .call = { .outcome = o, .sent_after_ms = 0 },
                                  .http_status = o == ATTEMPT_BRIDGE_FAULT ? 500 : 200 };

    return reconnect_called(f->db, &f->clock.clock, &f->rng, &f->p, B, c->session, c->token, &result);
}

static struct reconnect_row find(struct fx *f, const char *id)
{
    struct reconnect_row row = { 0 };

    assert_int_equal(reconnects_find(f->db, B, id, &row), 0);
    return row;
}

/* ---- collecting ------------------------------------------------------------------------------ */

struct heard {
    int attempts, parks;
    enum attempt_outcome outcome;
    enum retry_park park;
    char detail[ATTEMPTS_DETAIL_MAX];
};

static void on_attempt(void *ctx, const struct attempt_row *row)
{
    struct heard *h = ctx;

    h->attempts++;
    h->outcome = row->outcome;
}

static void on_park(void *ctx, const struct parked_session *park)
{
    struct heard *h = ctx;

    h->parks++;
    h->park = park->park;
    str_copy(str_from(park->detail), h->detail, sizeof h->detail);
}

static struct heard take_ends(struct fx *f, struct db *db)
{
    struct heard h = { 0 };
    bool more = true;

    while (more)
        assert_int_equal(reconnect_collect(db, B, on_attempt, on_park, &h, &more), 0);
    return h;
}

/* ---- a store that fails in the middle of a transaction ----------------------------------------- */

static bool save_fails;
static int n_saves;
int __real_bridges_save(struct db *db, const struct bridge_row *row);
int __wrap_bridges_save(struct db *db, const struct bridge_row *row);

int __wrap_bridges_save(struct db *db, const struct bridge_row *row)
{
    n_saves++;
    return save_fails ? -EIO : __real_bridges_save(db, row);
}

/* Another worker, between the survey of the queue and the claim: takes what is due. */
static struct fx *racing;
static int n_raced;
int __real_db_begin_bridge(struct db *db, const char *bridge);
int __wrap_db_begin_bridge(struct db *db, const char *bridge);

int __wrap_db_begin_bridge(struct db *db, const char *bridge)
{
    struct fx *f = racing;

    racing = NULL;
    if (f)
        n_raced = claim(f, f->other, 16).n;
    return __real_db_begin_bridge(db, bridge);
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void test_happy(void **state)
{
    struct fx *f = *state;
    struct reconnect_followed fo = see(f, "s1", SESSION_DISCONNECTED, 428);
    struct claims c;
    struct heard h;

    assert_int_equal(fo.after.phase, RETRY_DUE);
    assert_int_equal(fo.due_wall, 1795340484332);
    c = claim(f, f->db, 16);
    assert_int_equal(c.n, 1);
    assert_string_equal(c.claim[0].session, "s1");
    assert_string_equal(c.claim[0].cause, "connection-closed");
    assert_int_equal(called(f, &c.claim[0], ATTEMPT_CALLED), 0);
    assert_int_equal(take_ends(f, f->db).attempts, 0); /* a 200 is no success */
    fo = see(f, "s1", SESSION_CONNECTED, 0);
    assert_true(fo.effect.confirmed);
    h = take_ends(f, f->other);
    assert_int_equal(h.attempts, 1);
    assert_int_equal(h.outcome, ATTEMPT_SUCCEEDED);
    assert_int_equal(take_ends(f, f->db).attempts, 0); /* once */
    assert_int_equal(find(f, "s1").retry.phase, RETRY_IDLE);
}

/* Nothing is claimed, and nothing is held: neither the session nor the lock on state.db. */
static void test_a_claim_that_fails_leaves_nothing(void **state)
{
    struct fx *f = *state;
    struct claim_options o = { .policy = &f->p, .bridge = B, .worker = "w1", .max = 16 };
    struct claims c = { 0 };

    (void)see(f, "s1", SESSION_DISCONNECTED, 428);
    save_fails = true;
    assert_int_equal(reconnect_claim(f->db, &f->clock.clock, &f->rng, &o, &c), -EIO);
    save_fails = false;
    assert_int_equal(c.n, 0);
    assert_int_equal(db_begin(f->db), 0); /* no transaction is open */
    db_rollback(f->db);
    assert_int_equal(find(f, "s1").retry.phase, RETRY_DUE);
    assert_int_equal(claim(f, f->other, 16).n, 1);
}

/* More ends than one call gives out: the others are not left for the next notification. */
static void test_all_ends_are_published_at_once(void **state)
{
    enum { ENDS = 70 };
    struct fx *f = *state;
    char id[16];

    for (int i = 0; i < ENDS; i++) {
        struct claims c;

        (void)snprintf(id, sizeof id, "s%d", i);
        (void)see(f, id, SESSION_DISCONNECTED, 428);
        c = claim(f, f->db, 16);
        assert_int_equal(c.n, 1);
        assert_int_equal(called(f, &c.claim[0], ATTEMPT_REFUSED), 0);
    }
    assert_int_equal(take_ends(f, f->other).attempts, ENDS);
}

/* R1: the second reader finds nothing; R2: nor does anybody for 300 s from when it was sent. */
static void test_claimed_once(void **state)
{
    struct fx *f = *state;
    struct claims c;

    (void)see(f, "s1", SESSION_DISCONNECTED, 428);
    c = claim(f, f->db, 16);
    assert_int_equal(c.n, 1);
    assert_int_equal(claim(f, f->other, 16).n, 0);
    clock_step(&f->clock, 2 * S);
    assert_int_equal(called(f, &c.claim[0], ATTEMPT_REFUSED), 0);
    assert_int_equal(claim(f, f->other, 16).n, 0);
    clock_step(&f->clock, 298 * S - 1);
    f->clock.wall += (int64_t)86400 * S; /* somebody sets the clock */
    sweep(f);
    assert_int_equal(claim(f, f->other, 16).n, 0);
    clock_step(&f->clock, 1);
    assert_int_equal(claim(f, f->other, 16).n, 1);
}

/* All workers are woken for one session that is due; a sync for each of them would be the limit of all. */
static void test_a_worker_that_lost_the_race_writes_nothing(void **state)
{
    struct fx *f = *state;

    (void)see(f, "s1", SESSION_DISCONNECTED, 428);
    racing = f;
    n_saves = 0;
    assert_int_equal(claim(f, f->db, 16).n, 0);
    assert_null(racing);
    assert_int_equal(n_raced, 1);
    assert_int_equal(n_saves, 1);
}

/* A worker that died: repaired after its lease; coming back late it records nothing. */
static void test_fence(void **state)
{
    struct fx *f = *state;
    struct claims a, b;
    struct heard h;

    (void)see(f, "s1", SESSION_DISCONNECTED, 428);
    a = claim(f, f->db, 16);
    clock_step(&f->clock, 35 * S);
    assert_int_equal(claim(f, f->other, 16).repaired, 1);
    h = take_ends(f, f->db);
    assert_int_equal(h.outcome, ATTEMPT_WORKER_LOST);
    assert_int_equal(called(f, &a.claim[0], ATTEMPT_REFUSED), RECONNECT_STALE);
    clock_step(&f->clock, 270 * S);
    sweep(f);
    b = claim(f, f->other, 16);
    assert_int_equal(b.n, 1);
    assert_true(b.claim[0].token > a.claim[0].token);
    assert_int_equal(called(f, &a.claim[0], ATTEMPT_REFUSED), RECONNECT_STALE);
    assert_int_equal(find(f, "s1").retry.phase, RETRY_CALLING);
    assert_int_equal(find(f, "s1").retry.failures, 0);
    assert_int_equal(called(f, &b.claim[0], ATTEMPT_CALLED), 0);
}

/* A lease that has lapsed but that nobody has repaired yet still lets its worker record. */
static void test_late_but_first(void **state)
{
    struct fx *f = *state;
    struct claims c;

    (void)see(f, "s1", SESSION_DISCONNECTED, 428);
    c = claim(f, f->db, 16);
    clock_step(&f->clock, 40 * S);
    assert_int_equal(called(f, &c.claim[0], ATTEMPT_CALLED), 0);
}

static void test_limits(void **state)
{
    struct fx *f = *state;
    char id[16];
    struct claims c;

    for (int i = 0; i < 40; i++) {
        (void)snprintf(id, sizeof id, "s%d", i);
        (void)see(f, id, SESSION_DISCONNECTED, 428);
    }
    c = claim(f, f->db, 10);
    assert_int_equal(c.n, 10);
    assert_int_equal(c.verdict.why, WHY_READY);
    c = claim(f, f->other, 16); /* in flight: 16 over all workers */
    assert_int_equal(c.n, 6);
    assert_int_equal(c.verdict.why, WHY_IN_FLIGHT_MAX);
    f->p.in_flight_max = 1000;
    f->p.rate_milli = 2000; /* the bucket: the rest of it, and then one each 500 ms */
    f->p.burst = 16 + 5;
    c = claim(f, f->other, 16);
    assert_int_equal(c.n, 5);
    assert_int_equal(c.verdict.why, WHY_BUCKET_EMPTY);
    assert_int_equal(c.next_at, c.now.steady_ms + 500);
    assert_int_equal(claim(f, f->db, 16).n, 0);
    f->p.burst = 100;
    clock_step(&f->clock, 1000);
    assert_int_equal(claim(f, f->db, 16).n, 2);
}

/* A call that reaches the bridge a second late, just before a whole burst, would make one more than a burst
 * there. */
static void test_late_call_and_burst(void **state)
{
    static const char *const ids[] = { "a", "b", "c", "d", "e", "f", "g" };
    struct fx *f = *state;
    struct claims late;

    f->p.rate_milli = 10000;
    f->p.burst = 5;
    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        (void)see(f, ids[i], SESSION_DISCONNECTED, 428);
    late = claim(f, f->db, 1);
    assert_int_equal(late.n, 1);
    clock_step(&f->clock, 1000);
    assert_int_equal(called(f, &late.claim[0], ATTEMPT_CALLED), 0);
    assert_int_equal(claim(f, f->db, 16).n, 4);
    clock_step(&f->clock, 99);
    assert_int_equal(claim(f, f->db, 16).n, 0);
    clock_step(&f->clock, 1);
    assert_int_equal(claim(f, f->db, 16).n, 1); /* a slow bridge gets its rate all the same */
}

/* The longest due goes first; an operator's request before it. */
static void test_order(void **state)
{
    struct fx *f = *state;
    struct reconnect_outlook o = { 0 };
    struct retry_verdict v;
    struct now now;

    (void)see(f, "old", SESSION_DISCONNECTED, 428);
    clock_step(&f->clock, 10);
    (void)see(f, "new", SESSION_DISCONNECTED, 428);
    (void)see(f, "hand", SESSION_DISCONNECTED, 428);
    now = now_of(f);
    assert_int_equal(reconnect_ask(f->db, &f->p, &now, B, "hand", false, &v), 0);
    assert_int_equal(reconnect_outlook(f->db, &f->p, &now, B, "old", &o), 0);
    assert_int_equal(o.ahead, 1);
    assert_int_equal(reconnect_outlook(f->db, &f->p, &now, B, "hand", &o), 0);
    assert_int_equal(o.ahead, 0);
    assert_string_equal(claim(f, f->db, 1).claim[0].session, "hand");
    assert_string_equal(claim(f, f->db, 1).claim[0].session, "old");
    assert_string_equal(claim(f, f->db, 1).claim[0].session, "new");
}

/* A session that must not be attempted does not stand before one that may. */
static void test_hopeless_rows_step_aside(void **state)
{
    struct fx *f = *state;
    struct session_row row = { 0 };
    char id[16];

    for (int i = 0; i < 100; i++) {
        (void)snprintf(id, sizeof id, "flap%d", i);
        (void)see(f, id, SESSION_DISCONNECTED, 428);
        assert_int_equal(sessions_find(f->db, B, id, &row), 0);
        row.suppressed_until = now_of(f).steady_ms + 60 * S;
        assert_int_equal(sessions_save(f->db, &row), 0);
    }
    clock_step(&f->clock, 10);
    (void)see(f, "good", SESSION_DISCONNECTED, 428);
    for (int i = 0; i < 2 && claim(f, f->db, 1).n == 0; i++)
        ;
    assert_int_equal(find(f, "good").retry.phase, RETRY_CALLING);
}

static void test_refusals(void **state)
{
    struct fx *f = *state;
    struct retry_verdict v = { 0 };
    struct now now = now_of(f);
    struct claims c;

    assert_int_equal(reconnect_ask(f->db, &f->p, &now, B, "none", false, &v), RECONNECTS_NONE);
    (void)see(f, "s1", SESSION_CONNECTED, 0);
    assert_int_equal(reconnect_ask(f->db, &f->p, &now, B, "s1", true, &v), RECONNECT_REFUSED);
    assert_int_equal(v.why, WHY_CONNECTED);
    (void)see(f, "s1", SESSION_DISCONNECTED, 428);
    c = claim(f, f->db, 1);
    assert_int_equal(reconnect_ask(f->db, &f->p, &now, B, "s1", true, &v), RECONNECT_REFUSED);
    assert_int_equal(v.why, WHY_CALLING);
    assert_int_equal(called(f, &c.claim[0], ATTEMPT_REFUSED), 0);
    assert_int_equal(reconnect_ask(f->db, &f->p, &now, B, "s1", false, &v), RECONNECT_REFUSED);
    assert_int_equal(v.why, WHY_SPACING);
    assert_int_equal(v.until, now.steady_ms + 300 * S);
    assert_int_equal(reconnect_ask(f->db, &f->p, &now, B, "s1", true, &v), 0);
    assert_int_equal(claim(f, f->db, 1).n, 1);
}

static void test_parking(void **state)
{
    struct fx *f = *state;
    struct now now = now_of(f);
    struct heard h;

    (void)see(f, "s1", SESSION_DISCONNECTED, 428);
    assert_int_equal(reconnect_unpark(f->db, &f->p, &now, B, "s1"), RECONNECT_REFUSED);
    assert_int_equal(reconnect_park(f->db, &now, B, "s1", "on holiday"), 0);
    h = take_ends(f, f->db);
    assert_int_equal(h.parks, 1);
    assert_string_equal(h.detail, "on holiday");
    assert_int_equal(claim(f, f->db, 16).n, 0);
    assert_int_equal(reconnect_unpark(f->db, &f->p, &now, B, "s1"), 0);
    assert_int_equal(claim(f, f->db, 16).n, 1);
    assert_int_equal(take_ends(f, f->db).parks, 0);
    assert_int_equal(reconnect_park(f->db, &now, B, "none", ""), RECONNECTS_NONE);
}

/* 405: the bridge as a whole, once; the first session that connects ends it for all. */
static void test_outdated(void **state)
{
    struct fx *f = *state;
    struct bridge_row row = { 0 };

    (void)see(f, "s1", SESSION_FAILED, 405);
    (void)see(f, "s2", SESSION_FAILED, 405);
    (void)see(f, "s3", SESSION_DISCONNECTED, 428);
    assert_int_equal(take_ends(f, f->db).parks, 1);
    assert_int_equal(claim(f, f->db, 16).n, 0);
    assert_int_equal(claim(f, f->db, 16).verdict.why, WHY_OUTDATED);
    (void)see(f, "s1", SESSION_CONNECTED, 0);
    assert_int_equal(bridges_find(f->db, B, &row), 0);
    assert_int_equal(row.outdated_since, 0);
    assert_int_equal(find(f, "s2").retry.phase, RETRY_DUE);
    assert_int_equal(claim(f, f->db, 16).n, 2);
}

static void test_unpark_outdated_by_hand(void **state)
{
    struct fx *f = *state;
    struct now now = now_of(f);

    (void)see(f, "s1", SESSION_FAILED, 405);
    (void)see(f, "s2", SESSION_FAILED, 405);
    assert_int_equal(reconnect_unpark(f->db, &f->p, &now, B, "s2"), 0);
    assert_int_equal(claim(f, f->db, 16).n, 2);
}

static void test_no_reconnect_method(void **state)
{
    struct fx *f = *state;
    struct now now;
    int64_t n = 0;

    (void)see(f, "s1", SESSION_DISCONNECTED, 428);
    now = now_of(f);
    assert_int_equal(reconnect_park_no_method(f->db, &now, B, 60 * S, "set a hook", &n), 0);
    assert_int_equal(n, 0);
    clock_step(&f->clock, 60 * S);
    now = now_of(f);
    assert_int_equal(reconnect_park_no_method(f->db, &now, B, 60 * S, "set a hook", &n), 0);
    assert_int_equal(n, 1);
    assert_string_equal(take_ends(f, f->db).detail, "set a hook");
    assert_int_equal(reconnect_unpark_no_method(f->db, &f->p, &now, B, &n), 0);
    assert_int_equal(n, 1);
    assert_int_equal(claim(f, f->db, 16).n, 1);
}

/* Restarting the whole bridge: one at a time and spaced, longer when it did not help. */
static void test_by_hook(void **state)
{
    struct fx *f = *state;
    struct claim_options o = {
        .policy = &f->p, .bridge = B, .worker = "w1", .max = 16, .by_hook = true, .hook_spacing_ms = 900 * S
    };
    struct claims c = { 0 };

    (void)see(f, "s1", SESSION_DISCONNECTED, 428);
    (void)see(f, "s2", SESSION_DISCONNECTED, 428);
    assert_int_equal(reconnect_claim(f->db, &f->clock.clock, &f->rng, &o, &c), 0);
    assert_int_equal(c.n, 1);
    assert_int_equal(c.verdict.why, WHY_HOOK_SPACING);
    assert_int_equal(called(f, &c.claim[0], ATTEMPT_CALLED), 0);
    clock_step(&f->clock, 900 * S - 1);
    assert_int_equal(reconnect_claim(f->other, &f->clock.clock, &f->rng, &o, &c), 0);
    assert_int_equal(c.n, 0);
    clock_step(&f->clock, 1);
    sweep(f);
    assert_int_equal(reconnect_claim(f->other, &f->clock.clock, &f->rng, &o, &c), 0);
    assert_int_equal(c.n, 1);
    clock_step(&f->clock, 900 * S);
    assert_int_equal(reconnect_claim(f->other, &f->clock.clock, &f->rng, &o, &c), 0);
    assert_int_equal(c.n, 0);
}

/* Faults of the bridge open the breaker for all workers; an incident's end lets its probes go. */
static void test_breaker_is_shared(void **state)
{
    struct fx *f = *state;
    struct bridge_row row = { 0 };
    struct claims c;
    struct now now;
    char id[16];

    for (int i = 0; i < 20; i++) {
        (void)snprintf(id, sizeof id, "s%d", i);
        (void)see(f, id, SESSION_DISCONNECTED, 428);
    }
    c = claim(f, f->db, 5);
    for (int i = 0; i < 5; i++)
        assert_int_equal(called(f, &c.claim[i], ATTEMPT_BRIDGE_FAULT), 0);
    c = claim(f, f->other, 5);
    assert_int_equal(c.n, 0);
    assert_int_equal(c.verdict.why, WHY_BREAKER_OPEN);
    assert_true(c.next_at >= c.now.steady_ms + 24 * S && c.next_at <= c.now.steady_ms + 36 * S);
    now = now_of(f);
    assert_int_equal(reconnect_set_bridge_incident(f->db, &now, B, true, "five"), 0);
    assert_int_equal(claim(f, f->other, 5).verdict.why, WHY_INCIDENT);
    assert_int_equal(reconnect_set_bridge_incident(f->db, &now, B, false, ""), 0);
    c = claim(f, f->other, 16);
    assert_int_equal(c.n, 5);
    assert_int_equal(c.verdict.why, WHY_BREAKER_PROBING);
    for (int i = 0; i < 4; i++)
        assert_int_equal(called(f, &c.claim[i], ATTEMPT_CALLED), 0);
    assert_int_equal(bridges_find(f->db, B, &row), 0);
    assert_int_equal(row.breaker.state, BREAKER_CLOSED);
    assert_true(row.bucket.slow_from > 0);
}

/* A worker that dies with the probes of a half-open breaker: others may probe after its leases, and nobody waits for its results. */
static void test_probes_of_a_dead_worker_are_made_again(void **state)
{
    struct fx *f = *state;
    struct bridge_row row = { 0 };
    struct now now = now_of(f);
    struct claims c;
    char id[16];

    for (int i = 0; i < 20; i++) {
        (void)snprintf(id, sizeof id, "s%d", i);
        (void)see(f, id, SESSION_DISCONNECTED, 428);
    }
    c = claim(f, f->db, 5);
    for (int i = 0; i < 5; i++)
        assert_int_equal(called(f, &c.claim[i], ATTEMPT_BRIDGE_FAULT), 0);
    assert_int_equal(reconnect_set_bridge_incident(f->db, &now, B, true, "five"), 0);
    assert_int_equal(reconnect_set_bridge_incident(f->db, &now, B, false, ""), 0);
    assert_int_equal(claim(f, f->db, 16).n, 5);
    assert_int_equal(claim(f, f->other, 16).n, 0); /* all probes are under way */
    clock_step(&f->clock, f->p.lease_ms);
    c = claim(f, f->other, 16);
    assert_int_equal(c.repaired, 5);
    assert_int_equal(c.n, 5);
    for (int i = 0; i < 4; i++)
        assert_int_equal(called(f, &c.claim[i], ATTEMPT_CALLED), 0);
    assert_int_equal(bridges_find(f->db, B, &row), 0);
    assert_int_equal(row.breaker.state, BREAKER_CLOSED);
}

/* A sweep by single calls takes a while: its results are as old as its beginning. */
static void test_a_sweep_is_as_old_as_its_beginning(void **state)
{
    struct fx *f = *state;
    struct bridge_row row = { 0 };
    struct now now = now_of(f);

    assert_int_equal(bridges_set_swept(f->db, &now, B, now.steady_ms - 20 * S, 3600 * S), 0);
    assert_int_equal(bridges_find(f->db, B, &row), 0);
    assert_int_equal(row.swept_at, now.steady_ms - 20 * S);
    assert_int_equal(row.swept_wall, now.wall_ms);
    assert_int_equal(row.fresh_until, now.steady_ms + 3600 * S);
}

/* The end of the watch: the monitor's word, or after a while nobody's. */
static void test_not_connected(void **state)
{
    struct fx *f = *state;
    struct now now;
    struct claims c;

    (void)see(f, "s1", SESSION_DISCONNECTED, 428);
    c = claim(f, f->db, 1);
    assert_int_equal(called(f, &c.claim[0], ATTEMPT_CALLED), 0);
    clock_step(&f->clock, 20 * S);
    now = now_of(f);
    assert_int_equal(reconnect_not_connected(f->db, &f->p, &now, B, "s1", c.claim[0].token + 1,
                                             SESSION_DISCONNECTED, "x", 0),
                     RECONNECT_STALE);
    assert_int_equal(reconnect_not_connected(f->db, &f->p, &now, B, "s1", c.claim[0].token,
                                             SESSION_DISCONNECTED, "still down", 0),
                     0);
    assert_int_equal(take_ends(f, f->db).outcome, ATTEMPT_NOT_CONNECTED);
    assert_int_equal(find(f, "s1").retry.failures, 1);
}

static void test_unconfirmed(void **state)
{
    struct fx *f = *state;
    struct claims c;

    (void)see(f, "s1", SESSION_DISCONNECTED, 428);
    c = claim(f, f->db, 1);
    assert_int_equal(called(f, &c.claim[0], ATTEMPT_CALLED), 0);
    clock_step(&f->clock, 30 * S - 1);
    assert_int_equal(claim(f, f->db, 1).repaired, 0);
    clock_step(&f->clock, 1);
    assert_int_equal(claim(f, f->db, 1).repaired, 1);
    assert_int_equal(take_ends(f, f->db).outcome, ATTEMPT_UNCONFIRMED);
    assert_int_equal(find(f, "s1").retry.failures, 0);
}

static void test_outlook(void **state)
{
    struct fx *f = *state;
    struct reconnect_outlook o = { 0 };
    struct reconnect_queue q = { 0 };
    struct now now;

    f->p.rate_milli = 2000;
    f->p.burst = 1;
    (void)see(f, "s1", SESSION_DISCONNECTED, 428);
    clock_step(&f->clock, 1);
    (void)see(f, "s2", SESSION_DISCONNECTED, 428);
    clock_step(&f->clock, 1);
    (void)see(f, "s3", SESSION_DISCONNECTED, 428);
    assert_int_equal(claim(f, f->db, 16).n, 1);
    now = now_of(f);
    assert_int_equal(reconnect_outlook(f->db, &f->p, &now, B, "s3", &o), 0);
    assert_int_equal(o.session.why, WHY_READY);
    assert_int_equal(o.bridge.why, WHY_BUCKET_EMPTY);
    assert_int_equal(o.ahead, 1);
    assert_int_equal(o.next_at, now.steady_ms + 1000);
    assert_int_equal(reconnect_outlook(f->db, &f->p, &now, B, "s1", &o), 0);
    assert_int_equal(o.session.why, WHY_CALLING);
    assert_int_equal(reconnect_outlook(f->db, &f->p, &now, B, "none", &o), RECONNECTS_NONE);
    assert_int_equal(reconnects_queue(f->db, &now, B, &q), 0);
    assert_int_equal(q.phase[RETRY_CALLING], 1);
    assert_int_equal(q.waiting, 2);
    assert_int_equal(q.oldest_due_at, now.steady_ms - 1);
}

static enum breaker_state breaker_of(struct fx *f)
{
    struct bridge_row row;

    assert_int_equal(bridges_find(f->db, B, &row), 0);
    return row.breaker.state;
}

/* Claims all that is due; the call of @bad ends with a fault of the bridge, the others connect. Returns how many there
 * were. */
static int attempt_all(struct fx *f, const char *bad)
{
    struct claims c = claim(f, f->db, 16);

    for (int i = 0; i < c.n; i++) {
        bool fails = !bad || strcmp(c.claim[i].session, bad) == 0;

        assert_int_equal(called(f, &c.claim[i], fails ? ATTEMPT_BRIDGE_FAULT : ATTEMPT_CALLED), 0);
        if (!fails)
            (void)see(f, c.claim[i].session, SESSION_CONNECTED, 0);
    }
    return c.n;
}

/* A session whose reconnect always answers 500 while others succeed: it is parked in the end, and the breaker, which
 * would stop the others, stays closed. */
static void test_one_session_never_stops_others(void **state)
{
    struct fx *f = *state;

    f->p.failures_max = 6;
    (void)see(f, "dead", SESSION_DISCONNECTED, 428);
    for (int i = 0; i < 8 && find(f, "dead").retry.phase != RETRY_PARKED; i++) {
        (void)see(f, "good", SESSION_DISCONNECTED, 428);
        assert_int_equal(attempt_all(f, "dead"), 2);
        assert_int_equal(breaker_of(f), BREAKER_CLOSED);
        clock_step(&f->clock, 300 * S);
        sweep(f);
    }
    assert_int_equal(find(f, "dead").retry.phase, RETRY_PARKED);
    assert_int_equal(find(f, "dead").retry.park, RETRY_PARK_FAILURES);
}

/* Nobody else is called meanwhile: the monitor's good sweeps tell that the bridge is well. */
static void test_the_only_session_is_at_fault_while_the_bridge_is_well(void **state)
{
    struct fx *f = *state;

    f->p.failures_max = 6;
    (void)see(f, "dead", SESSION_DISCONNECTED, 428);
    for (int i = 0; i < 7; i++) {
        assert_int_equal(attempt_all(f, "dead"), 1);
        assert_int_equal(breaker_of(f), BREAKER_CLOSED);
        clock_step(&f->clock, 300 * S);
        sweep(f);
    }
    assert_int_equal(find(f, "dead").retry.phase, RETRY_PARKED);
}

/* All fail: it is the bridge, whatever the monitor says, and nothing counts against a session. */
static void test_what_all_sessions_have_is_the_bridges(void **state)
{
    struct fx *f = *state;
    char id[16];

    f->p.failures_max = 2;
    for (int i = 0; i < 4; i++) {
        (void)snprintf(id, sizeof id, "s%d", i);
        (void)see(f, id, SESSION_DISCONNECTED, 428);
    }
    for (int i = 0; i < 3 && breaker_of(f) == BREAKER_CLOSED; i++) {
        assert_int_equal(attempt_all(f, NULL), 4);
        clock_step(&f->clock, 300 * S);
        sweep(f);
    }
    assert_int_not_equal(breaker_of(f), BREAKER_CLOSED);
    for (int i = 0; i < 4; i++) {
        (void)snprintf(id, sizeof id, "s%d", i);
        assert_int_equal(find(f, id).retry.failures, 0);
    }
}

/* The bridge did nothing, for the session is connected: its next real drop is attempted at once. */
static void test_an_attempt_that_was_not_needed_uses_up_nothing(void **state)
{
    struct call_result needless = { .call = { .outcome = ATTEMPT_CALLED, .no_effect = true },
                                    .http_status = 200 };
    struct fx *f = *state;
    struct claims c;

    for (int confirmed = 0; confirmed < 2; confirmed++) {
        const char *id = confirmed ? "s1" : "s2";

        (void)see(f, id, SESSION_DISCONNECTED, 428);
        c = claim(f, f->db, 16);
        assert_int_equal(c.n, 1);
        assert_int_equal(
            reconnect_called(f->db, &f->clock.clock, &f->rng, &f->p, B, id, c.claim[0].token, &needless), 0);
        assert_int_equal(find(f, id).retry.phase, RETRY_VERIFYING); /* the monitor's word counts */
        clock_step(&f->clock, 2 * S);
        if (confirmed) {
            (void)see(f, id, SESSION_CONNECTED, 0);
            assert_int_equal(find(f, id).retry.last_sent, 0);
            clock_step(&f->clock, S);
            (void)see(f, id, SESSION_DISCONNECTED, 428);
        }
        assert_int_equal(claim(f, f->db, 16).n, confirmed);
    }
}

/* A watched attempt that nobody confirms is ended freshness_ms after its time, and no worker is busy before. */
static void test_a_watched_attempt_does_not_spin(void **state)
{
    struct fx *f = *state;
    struct claims c;

    (void)see(f, "s1", SESSION_DISCONNECTED, 428);
    c = claim(f, f->db, 16);
    assert_int_equal(called(f, &c.claim[0], ATTEMPT_CALLED), 0);
    clock_step(&f->clock, f->p.verify_ms);
    c = claim(f, f->db, 16);
    assert_int_equal(c.repaired, 0);
    assert_int_equal(c.next_at, c.now.steady_ms + f->p.freshness_ms);
    clock_step(&f->clock, f->p.freshness_ms);
    assert_int_equal(claim(f, f->db, 16).repaired, 1);
}

static int count_row(void *ctx, const struct attempt_row *row)
{
    int *n = ctx;

    (*n)++;
    return 0;
}

static int count_change(void *ctx, const struct session_change *c)
{
    int *n = ctx;

    if (*n == 0)
        assert_int_equal(c->at, SESSIONS_CHANGES_MAX + 2);
    (*n)++;
    return 0;
}

static int remove_session(struct fx *f, const char *id)
{
    struct now now = now_of(f);

    return sessions_remove(f->db, &now, B, id);
}

static void test_history_is_bounded(void **state)
{
    struct fx *f = *state;
    struct session_change change = { 0 };
    int attempts = 0, changes = 0;

    (void)see(f, "s1", SESSION_DISCONNECTED, 428);
    f->p.failures_max = 1000;
    for (int i = 0; i < 80; i++) {
        struct claims c = claim(f, f->db, 1);

        assert_int_equal(c.n, 1);
        assert_int_equal(called(f, &c.claim[0], ATTEMPT_REFUSED), 0);
        clock_step(&f->clock, 300 * S);
        sweep(f);
    }
    for (int i = 0; i < SESSIONS_CHANGES_MAX + 3; i++) {
        change.at = i;
        assert_int_equal(sessions_add_change(f->db, B, "s1", &change), 0);
    }
    assert_int_equal(attempts_each(f->db, B, "s1", 1000, count_row, &attempts), 0);
    assert_int_equal(attempts, ATTEMPTS_MAX);
    assert_int_equal(sessions_each_change(f->db, B, "s1", SESSIONS_CHANGES_MAX * 2, count_change, &changes),
                     0);
    assert_int_equal(changes, SESSIONS_CHANGES_MAX);
    assert_int_equal(remove_session(f, "s1"), 0);
    assert_int_equal(remove_session(f, "s1"), SESSIONS_NONE);
    attempts = 0;
    assert_int_equal(attempts_each(f->db, B, "s1", 1000, count_row, &attempts), 0);
    assert_int_equal(attempts, 0);
}

/* The mark of a deletion: also of a session that nobody had heard of yet, the newest one, and not for ever.
 */
static void test_a_deletion_leaves_a_mark(void **state)
{
    struct fx *f = *state;
    struct session_deletion d = { 0 };
    struct now now = now_of(f);
    char id[16];

    assert_int_equal(sessions_find_deletion(f->db, B, "s1", &d), SESSIONS_NONE);
    assert_int_equal(remove_session(f, "s1"), SESSIONS_NONE);
    assert_int_equal(sessions_find_deletion(f->db, B, "s1", &d), 0);
    assert_int_equal(d.at, now.wall_ms);
    assert_int_equal(d.steady, now.steady_ms);
    assert_int_equal(sessions_find_deletion(f->db, "other", "s1", &d), SESSIONS_NONE);

    clock_step(&f->clock, 10 * S);
    (void)see(f, "s1", SESSION_DISCONNECTED, 428); /* created again, and deleted again */
    assert_int_equal(remove_session(f, "s1"), 0);
    assert_int_equal(sessions_find_deletion(f->db, B, "s1", &d), 0);
    assert_int_equal(d.at, now.wall_ms + 10 * S);

    now = now_of(f);
    assert_int_equal(sessions_begin_removal(f->db, &now, B, "s3"), 0); /* under way, and refused */
    assert_int_equal(sessions_find_deletion(f->db, B, "s3", &d), 0);
    assert_true(d.at == 0 && d.steady > now.steady_ms);
    assert_int_equal(sessions_keep(f->db, B, "s3"), 0);
    assert_int_equal(sessions_find_deletion(f->db, B, "s3", &d), SESSIONS_NONE);
    assert_int_equal(sessions_keep(f->db, B, "s1"), 0); /* that one is done */
    assert_int_equal(sessions_find_deletion(f->db, B, "s1", &d), 0);

    clock_step(&f->clock, SESSIONS_DELETED_KEEP_MS);
    (void)remove_session(f, "s2");
    assert_int_equal(sessions_find_deletion(f->db, B, "s1", &d), 0);
    clock_step(&f->clock, 1);
    (void)remove_session(f, "s2");
    assert_int_equal(sessions_find_deletion(f->db, B, "s1", &d), SESSIONS_NONE);

    assert_int_equal(db_begin(f->db), 0);
    for (int i = 0; i < SESSIONS_DELETED_MAX; i++) {
        clock_step(&f->clock, 1);
        (void)snprintf(id, sizeof id, "n%d", i);
        (void)remove_session(f, id);
    }
    assert_int_equal(db_commit(f->db), 0);
    assert_int_equal(sessions_find_deletion(f->db, B, "s2", &d), SESSIONS_NONE);
    assert_int_equal(sessions_find_deletion(f->db, B, "n0", &d), 0);
}

/* Looking at an empty or a blocked queue writes nothing: other processes may hold the write lock for hours.
 */
static void test_looking_does_not_write(void **state)
{
    struct fx *f = *state;
    struct now now = now_of(f);

    (void)see(f, "s1", SESSION_DISCONNECTED, 428);
    assert_int_equal(reconnect_set_bridge_health(f->db, &now, B, BRIDGE_HEALTH_DOWN, "gone"), 0);
    assert_int_equal(db_begin(f->other), 0);
    assert_int_equal(claim(f, f->db, 16).verdict.why, WHY_BRIDGE_DOWN);
    assert_int_equal(take_ends(f, f->db).attempts, 0);
    db_rollback(f->other);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_happy),
        T(test_a_claim_that_fails_leaves_nothing),
        T(test_all_ends_are_published_at_once),
        T(test_claimed_once),
        T(test_a_worker_that_lost_the_race_writes_nothing),
        T(test_fence),
        T(test_late_but_first),
        T(test_limits),
        T(test_late_call_and_burst),
        T(test_order),
        T(test_refusals),
        T(test_hopeless_rows_step_aside),
        T(test_parking),
        T(test_outdated),
        T(test_no_reconnect_method),
        T(test_unpark_outdated_by_hand),
        T(test_by_hook),
        T(test_breaker_is_shared),
        T(test_probes_of_a_dead_worker_are_made_again),
        T(test_a_sweep_is_as_old_as_its_beginning),
        T(test_not_connected),
        T(test_unconfirmed),
        T(test_outlook),
        T(test_one_session_never_stops_others),
        T(test_the_only_session_is_at_fault_while_the_bridge_is_well),
        T(test_what_all_sessions_have_is_the_bridges),
        T(test_an_attempt_that_was_not_needed_uses_up_nothing),
        T(test_a_watched_attempt_does_not_spin),
        T(test_history_is_bounded),
        T(test_a_deletion_leaves_a_mark),
        T(test_looking_does_not_write),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
