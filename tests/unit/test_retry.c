/*
 * The life of one session's reconnection, as stories: at a time something happens, and then the phase, the
 * reason and the time it is due must be so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/mem.h"
#include "common/policy/retry.h"

#define S     ((int64_t)1000)
#define T0    (1000 * S)
#define ASKED -1 /* by an operator: at once, and first */

enum op {
    END,
    DROP,       /* arg: code, 0: seen by a poll */
    UP,         /* connected */
    DOWN_AFTER, /* a drop (408) after being connected for arg seconds */
    STATE,      /* arg: enum session_state, without a cause */
    BAN,        /* for a time: 402, and it ends at T0 + arg seconds */
    SILENT,
    CLAIM,
    CALLED,   /* the bridge took it; sent after arg ms */
    REFUSED,  /* it said no */
    FAULT,    /* its own fault */
    NOT_CONN, /* the monitor looked in vain */
    REPAIR,   /* the lease, or the time to be confirmed, is over */
    ASK,      /* by hand; arg: force */
    PARK,
    UNPARK,
};

struct step {
    int at_s;
    enum op op;
    int arg;
    enum retry_phase phase;
    enum retry_reason reason;
    int due_s; /* DUE: due at T0 + due_s */
};

struct life {
    struct retry r;
    enum session_state state;
    struct retry_effect effect;
    enum attempt_outcome outcome;
};

static void change(struct life *l, const struct policy *p, enum session_state to, const char *cause_name,
                   int64_t connected_ms, bool silent, int64_t now)
{
    struct retry_change c = { .from = l->state,
                              .to = to,
                              .cause = cause_name ? cause_by_name(cause_name) : NULL,
                              .connected_ms = connected_ms,
                              .silent = silent };

    l->r = retry_follow(p, &l->r, &c, now, &l->effect);
    l->state = to;
}

static void drop(struct life *l, const struct policy *p, int code, int64_t connected_ms, int64_t now)
{
    const struct cause *cause = code ? cause_find(code) : cause_by_name("poll");
    int to = session_state_find(str_from(cause->state));

    change(l, p, (enum session_state)to, cause->name, connected_ms, false, now);
}

static void ban(struct life *l, const struct policy *p, int64_t until, int64_t now)
{
    const struct retry_change c = {
        .from = l->state, .to = SESSION_FAILED, .cause = cause_find(402), .ban_until = until
    };

    l->r = retry_follow(p, &l->r, &c, now, &l->effect);
    l->state = SESSION_FAILED;
}

static void called(struct life *l, const struct policy *p, enum attempt_outcome o, int sent_ms, int64_t now)
{
    struct retry_call call = { .outcome = o, .sent_after_ms = sent_ms };

    l->r = retry_called(p, &l->r, &call, l->state, 0, now, &l->outcome);
}

/* As the claim looks for them. */
static bool is_lapsed(const struct policy *p, const struct retry *r, int64_t now)
{
    return (r->phase == RETRY_CALLING && now >= r->lease_until) ||
           (r->phase == RETRY_VERIFYING && now >= r->verify_until + p->freshness_ms);
}

static void act(struct life *l, const struct policy *p, const struct step *s, int64_t now)
{
    switch (s->op) {
    case DROP:
        drop(l, p, s->arg, 0, now);
        break;
    case UP:
        change(l, p, SESSION_CONNECTED, NULL, 0, false, now);
        break;
    case DOWN_AFTER:
        drop(l, p, 408, s->arg * S, now);
        break;
    case STATE:
        change(l, p, (enum session_state)s->arg, NULL, 0, false, now);
        break;
    case BAN:
        ban(l, p, T0 + s->arg * S, now);
        break;
    case SILENT:
        change(l, p, SESSION_CONNECTED, "silent", 0, true, now);
        break;
    case CLAIM:
        l->r = retry_claim(p, &l->r, l->r.token + 1, now);
        break;
    case CALLED:
        called(l, p, ATTEMPT_CALLED, s->arg, now);
        break;
    case REFUSED:
        called(l, p, ATTEMPT_REFUSED, s->arg, now);
        break;
    case FAULT:
        called(l, p, ATTEMPT_BRIDGE_FAULT, s->arg, now);
        break;
    case NOT_CONN:
        l->r = retry_not_connected(p, &l->r, l->state, 0, now);
        break;
    case REPAIR:
        assert_true(is_lapsed(p, &l->r, now));
        l->r = retry_repair(p, &l->r, l->state, 0, now, &l->outcome);
        break;
    case ASK:
        l->r = retry_ask(&l->r, s->arg != 0, now);
        break;
    case PARK:
        l->r = retry_park(&l->r, RETRY_PARK_OPERATOR);
        break;
    case UNPARK:
        l->r = retry_unpark(p, &l->r, l->state, now);
        break;
    default:
        break;
    }
}

static void play(const char *what, const struct policy *p, const struct step *steps, struct life *l)
{
    *l = (struct life){ .state = SESSION_CONNECTED };
    for (int i = 0; steps[i].op != END; i++) {
        const struct step *s = &steps[i];

        act(l, p, s, T0 + s->at_s * S);
        if (l->r.phase != s->phase || l->r.reason != s->reason)
            fail_msg("%s, step %d: %s for %s", what, i + 1, retry_phase_text(l->r.phase),
                     retry_reason_text(l->r.reason));
        if (s->phase == RETRY_DUE && l->r.due_at != T0 + (s->due_s == ASKED ? s->at_s : s->due_s) * S)
            fail_msg("%s, step %d: due at %lld", what, i + 1, (long long)(l->r.due_at - T0));
        if (l->r.asked != (s->phase == RETRY_DUE && s->due_s == ASKED))
            fail_msg("%s, step %d: asked for: %d", what, i + 1, l->r.asked);
    }
}

#define IDLE      RETRY_IDLE, RETRY_FOR_NONE, 0
#define PARKED    RETRY_PARKED, RETRY_FOR_NONE, 0
#define DUE(f, s) RETRY_DUE, RETRY_FOR_##f, s
#define IN(ph, f) RETRY_##ph, RETRY_FOR_##f, 0

static void test_stories(void **state)
{
    static const struct {
        const char *what;
        struct step steps[16];
    } stories[] = {
        { "a drop, one attempt, connected",
          { { 0, DROP, 428, DUE(DROP, 0) },
            { 1, CLAIM, 0, IN(CALLING, DROP) },
            { 2, CALLED, 100, IN(VERIFYING, DROP) },
            { 5, UP, 0, IDLE } } },
        { "connected before the answer: the call's end confirms it",
          { { 0, DROP, 428, DUE(DROP, 0) },
            { 1, CLAIM, 0, IN(CALLING, DROP) },
            { 2, UP, 0, IN(CALLING, DROP) },
            { 3, CALLED, 100, IDLE } } },
        { "not connected: again after the interval, counted from when it was sent",
          { { 0, DROP, 428, DUE(DROP, 0) },
            { 1, CLAIM, 0, IN(CALLING, DROP) },
            { 5, CALLED, 3000, IN(VERIFYING, DROP) },
            { 25, NOT_CONN, 0, DUE(AGAIN, 304) } } },
        { "a dead worker counts as sent 5 s after its claim",
          { { 0, DROP, 428, DUE(DROP, 0) },
            { 1, CLAIM, 0, IN(CALLING, DROP) },
            { 36, REPAIR, 0, DUE(AGAIN, 306) } } },
        { "a dead worker whose call worked",
          { { 0, DROP, 428, DUE(DROP, 0) },
            { 1, CLAIM, 0, IN(CALLING, DROP) },
            { 3, UP, 0, IN(CALLING, DROP) },
            { 36, REPAIR, 0, IDLE } } },
        { "nobody confirmed",
          { { 0, DROP, 428, DUE(DROP, 0) },
            { 1, CLAIM, 0, IN(CALLING, DROP) },
            { 2, CALLED, 0, IN(VERIFYING, DROP) },
            { 32, REPAIR, 0, DUE(AGAIN, 301) } } },
        { "dropped again at once: the spacing holds",
          { { 0, DROP, 428, DUE(DROP, 0) },
            { 1, CLAIM, 0, IN(CALLING, DROP) },
            { 2, CALLED, 0, IN(VERIFYING, DROP) },
            { 5, UP, 0, IDLE },
            { 6, DROP, 408, DUE(DROP, 301) },
            { 7, UP, 0, IDLE } } },
        { "515 right after an attempt: at once, and only once",
          { { 0, DROP, 428, DUE(DROP, 0) },
            { 1, CLAIM, 0, IN(CALLING, DROP) },
            { 2, CALLED, 0, IN(VERIFYING, DROP) },
            { 3, DROP, 515, DUE(AT_ONCE, 3) },
            { 4, CLAIM, 0, IN(CALLING, AT_ONCE) },
            { 5, CALLED, 0, IN(VERIFYING, AT_ONCE) },
            { 6, DROP, 515, IN(VERIFYING, AT_ONCE) },
            { 25, NOT_CONN, 0, DUE(AGAIN, 304) } } },
        { "515 while the call is in flight",
          { { 0, DROP, 428, DUE(DROP, 0) },
            { 1, CLAIM, 0, IN(CALLING, DROP) },
            { 2, DROP, 515, IN(CALLING, AT_ONCE) },
            { 3, CALLED, 0, DUE(AT_ONCE, 3) } } },
        { "515 brings a waiting attempt forward",
          { { 0, DROP, 440, DUE(SLOW, 900) }, { 5, DROP, 515, DUE(AT_ONCE, 5) } } },
        { "440: one slow retry, then parked",
          { { 0, DROP, 440, DUE(SLOW, 900) },
            { 900, CLAIM, 0, IN(CALLING, SLOW) },
            { 901, CALLED, 0, IN(VERIFYING, SLOW) },
            { 905, UP, 0, IDLE },
            { 999, DROP, 440, PARKED } } },
        { "440: a slow retry in vain parks",
          { { 0, DROP, 440, DUE(SLOW, 900) },
            { 900, CLAIM, 0, IN(CALLING, SLOW) },
            { 901, CALLED, 0, IN(VERIFYING, SLOW) },
            { 921, NOT_CONN, 0, PARKED } } },
        { "440: a slow retry that the bridge failed may be had again",
          { { 0, DROP, 440, DUE(SLOW, 900) },
            { 900, CLAIM, 0, IN(CALLING, SLOW) },
            { 901, FAULT, 0, DUE(SLOW, 1200) } } },
        { "a drop that only a poll has found: a webhook may still say why",
          { { 0, DROP, 0, DUE(DROP, 2) },
            { 1, STATE, SESSION_LOGGED_OUT, IDLE },
            { 1, UP, 0, IDLE },
            { 9, DROP, 0, DUE(DROP, 11) },
            { 10, DROP, 440, DUE(SLOW, 910) },
            { 10, DROP, 515, DUE(AT_ONCE, 10) } } },
        { "the spacing is longer than that",
          { { 0, DROP, 428, DUE(DROP, 0) },
            { 1, CLAIM, 0, IN(CALLING, DROP) },
            { 2, CALLED, 0, IN(VERIFYING, DROP) },
            { 3, UP, 0, IDLE },
            { 9, DROP, 0, DUE(DROP, 301) } } },
        { "440: asked for by hand, it is that one retry",
          { { 0, DROP, 440, DUE(SLOW, 900) },
            { 5, ASK, 0, DUE(SLOW, ASKED) },
            { 6, CLAIM, 0, IN(CALLING, SLOW) },
            { 7, CALLED, 0, IN(VERIFYING, SLOW) },
            { 27, NOT_CONN, 0, PARKED } } },
        { "440 puts off what another cause planned",
          { { 0, DROP, 428, DUE(DROP, 0) }, { 1, DROP, 440, DUE(SLOW, 901) } } },
        { "logged out: nobody tries", { { 0, DROP, 401, IDLE }, { 9, UP, 0, IDLE } } },
        { "logged out while an attempt is watched",
          { { 0, DROP, 428, DUE(DROP, 0) },
            { 1, CLAIM, 0, IN(CALLING, DROP) },
            { 2, CALLED, 0, IN(VERIFYING, DROP) },
            { 3, DROP, 401, IDLE } } },
        { "logged out while the call is in flight",
          { { 0, DROP, 428, DUE(DROP, 0) },
            { 1, CLAIM, 0, IN(CALLING, DROP) },
            { 2, DROP, 401, IN(CALLING, DROP) },
            { 3, CALLED, 0, IDLE } } },
        { "banned parks; connecting by itself does not end that",
          { { 0, DROP, 403, PARKED },
            { 9, DROP, 408, PARKED },
            { 99, UP, 0, PARKED },
            { 999, DOWN_AFTER, 900, PARKED },
            { 1000, UNPARK, 0, DUE(DROP, 1000) } } },
        { "banned, and paired anew by a person",
          { { 0, DROP, 403, PARKED },
            { 9, STATE, SESSION_QR_PENDING, PARKED },
            { 99, UP, 0, IDLE },
            { 100, DROP, 428, DUE(DROP, 100) } } },
        { "two owners stay parked, whatever the bridge does",
          { { 0, DROP, 440, DUE(SLOW, 900) },
            { 900, CLAIM, 0, IN(CALLING, SLOW) },
            { 901, CALLED, 0, IN(VERIFYING, SLOW) },
            { 921, NOT_CONN, 0, PARKED },
            { 930, UP, 0, PARKED },
            { 940, DROP, 428, PARKED } } },
        { "a client that is too old is no more when it connects",
          { { 0, DROP, 405, PARKED }, { 9, UP, 0, IDLE }, { 10, DROP, 428, DUE(DROP, 10) } } },
        { "banned for a time: its end is waited for, and then it is tried once",
          { { 0, BAN, 3600, DUE(BAN_OVER, 3660) }, { 10, DROP, 403, PARKED } } },
        { "banned for a time, and tried in vain after that: parked",
          { { 0, BAN, 3600, DUE(BAN_OVER, 3660) },
            { 3660, CLAIM, 0, IN(CALLING, BAN_OVER) },
            { 3661, CALLED, 0, IN(VERIFYING, BAN_OVER) },
            { 3681, NOT_CONN, 0, PARKED } } },
        { "banned for a time, and well after that",
          { { 0, BAN, 3600, DUE(BAN_OVER, 3660) },
            { 3660, CLAIM, 0, IN(CALLING, BAN_OVER) },
            { 3661, CALLED, 0, IN(VERIFYING, BAN_OVER) },
            { 3665, UP, 0, IDLE } } },
        { "banned for longer while it is tried",
          { { 0, BAN, 3600, DUE(BAN_OVER, 3660) },
            { 3660, CLAIM, 0, IN(CALLING, BAN_OVER) },
            { 3661, CALLED, 0, IN(VERIFYING, BAN_OVER) },
            { 3662, BAN, 9000, DUE(BAN_OVER, 9060) } } },
        { "banned for a time while the call is in flight",
          { { 0, DROP, 428, DUE(DROP, 0) },
            { 1, CLAIM, 0, IN(CALLING, DROP) },
            { 2, BAN, 3600, IN(CALLING, BAN_OVER) },
            { 3, CALLED, 0, DUE(BAN_OVER, 3660) } } },
        { "banned while the call is in flight",
          { { 0, DROP, 428, DUE(DROP, 0) },
            { 1, CLAIM, 0, IN(CALLING, DROP) },
            { 2, DROP, 403, IN(CALLING, DROP) },
            { 3, CALLED, 0, PARKED } } },
        { "unparked after a ban, a person says it is over",
          { { 0, DROP, 403, PARKED },
            { 9, UNPARK, 0, DUE(OPERATOR, 9) },
            { 10, CLAIM, 0, IN(CALLING, OPERATOR) },
            { 11, REFUSED, 0, PARKED } } },
        { "unparked after a ban, and the call is taken",
          { { 0, DROP, 403, PARKED },
            { 9, UNPARK, 0, DUE(OPERATOR, 9) },
            { 10, CLAIM, 0, IN(CALLING, OPERATOR) },
            { 11, CALLED, 0, IN(VERIFYING, OPERATOR) },
            { 31, NOT_CONN, 0, PARKED } } },
        { "starting by itself takes it out of the queue",
          { { 0, DROP, 428, DUE(DROP, 0) },
            { 1, STATE, SESSION_STARTING, IDLE },
            { 121, DROP, 0, DUE(DROP, 123) } } },
        { "starting is what an attempt looks like",
          { { 0, DROP, 428, DUE(DROP, 0) },
            { 1, CLAIM, 0, IN(CALLING, DROP) },
            { 2, STATE, SESSION_STARTING, IN(CALLING, DROP) },
            { 3, CALLED, 0, IN(VERIFYING, DROP) },
            { 5, DROP, 428, IN(VERIFYING, DROP) },
            { 6, STATE, SESSION_STARTING, IN(VERIFYING, DROP) },
            { 7, UP, 0, IDLE } } },
        { "a QR code is waited for by a person",
          { { 0, DROP, 428, DUE(DROP, 0) }, { 1, STATE, SESSION_QR_PENDING, IDLE } } },
        { "a time that was planned for another cause is forgotten with its plan",
          { { 0, DROP, 440, DUE(SLOW, 900) },
            { 1, STATE, SESSION_QR_PENDING, IDLE },
            { 2, DROP, 428, DUE(DROP, 2) } } },
        { "lost", { { 0, DROP, 428, DUE(DROP, 0) }, { 1, STATE, SESSION_LOST, IDLE } } },
        { "parked by hand",
          { { 0, DROP, 428, DUE(DROP, 0) },
            { 1, PARK, 0, PARKED },
            { 2, DROP, 428, PARKED },
            { 3, UP, 0, PARKED },
            { 4, STATE, SESSION_QR_PENDING, PARKED },
            { 5, UP, 0, PARKED },
            { 6, DROP, 428, PARKED },
            { 7, UNPARK, 0, DUE(DROP, 7) } } },
        { "parked by hand while an attempt is watched that connects",
          { { 0, DROP, 428, DUE(DROP, 0) },
            { 1, CLAIM, 0, IN(CALLING, DROP) },
            { 2, CALLED, 0, IN(VERIFYING, DROP) },
            { 3, PARK, 0, IN(VERIFYING, DROP) },
            { 4, UP, 0, PARKED },
            { 5, DROP, 428, PARKED } } },
        { "parked by hand while the call is in flight, and it connects before the answer",
          { { 0, DROP, 428, DUE(DROP, 0) },
            { 1, CLAIM, 0, IN(CALLING, DROP) },
            { 2, PARK, 0, IN(CALLING, DROP) },
            { 3, UP, 0, IN(CALLING, DROP) },
            { 4, CALLED, 0, PARKED } } },
        { "parked by hand while the call is in flight",
          { { 0, DROP, 428, DUE(DROP, 0) },
            { 1, CLAIM, 0, IN(CALLING, DROP) },
            { 2, PARK, 0, IN(CALLING, DROP) },
            { 3, CALLED, 0, IN(VERIFYING, DROP) },
            { 23, NOT_CONN, 0, PARKED } } },
        { "unparking keeps the spacing",
          { { 0, DROP, 428, DUE(DROP, 0) },
            { 1, CLAIM, 0, IN(CALLING, DROP) },
            { 2, FAULT, 0, DUE(AGAIN, 301) },
            { 3, PARK, 0, PARKED },
            { 4, UNPARK, 0, DUE(DROP, 301) } } },
        { "by hand",
          { { 0, STATE, SESSION_DISCONNECTED, DUE(DROP, 0) }, { 1, ASK, 1, DUE(OPERATOR, ASKED) } } },
        { "silent: one attempt while connected",
          { { 0, SILENT, 0, DUE(SILENT, 0) },
            { 1, CLAIM, 0, IN(CALLING, SILENT) },
            { 2, CALLED, 0, IDLE } } },
        { "silent, and the bridge failed the call",
          { { 0, SILENT, 0, DUE(SILENT, 0) }, { 1, CLAIM, 0, IN(CALLING, SILENT) }, { 2, FAULT, 0, IDLE } } },
    };
    struct life l;

    for (size_t i = 0; i < ARRAY_LEN(stories); i++)
        play(stories[i].what, &policy_default, stories[i].steps, &l);
}

/* 20 failures in a row park; faults of others do not count; a short connect neither ends the
 * row nor resets anything, ten minutes of it do. */
static void test_parks_after_failures(void **state)
{
    struct life l = { .state = SESSION_CONNECTED };
    const struct policy *p = &policy_default;
    int64_t now = T0;

    drop(&l, p, 428, 0, now);
    for (int i = 1; i <= 40; i++) {
        l.r = retry_claim(p, &l.r, i, now);
        if (i % 2)
            called(&l, p, ATTEMPT_REFUSED, 0, now);
        else
            called(&l, p, ATTEMPT_BRIDGE_FAULT, 0, now);
        assert_int_equal(l.r.failures, (i + 1) / 2);
        assert_int_equal(l.r.phase, i < 39 ? RETRY_DUE : RETRY_PARKED);
        if (l.r.phase == RETRY_PARKED)
            break;
        change(&l, p, SESSION_CONNECTED, NULL, 0, false, now);
        drop(&l, p, 408, 599 * S, now);
        now += 300 * S;
    }
    assert_int_equal(l.r.park, RETRY_PARK_FAILURES);
    change(&l, p, SESSION_CONNECTED, NULL, 0, false, now);
    drop(&l, p, 408, 600 * S, now);
    assert_int_equal(l.r.phase, RETRY_PARKED);
    l.r = retry_unpark(p, &l.r, l.state, now);
    assert_int_equal(l.r.failures, 0);
    assert_int_equal(l.r.attempts, 0);
    assert_int_equal(l.r.reason, RETRY_FOR_DROP);
}

static void test_ten_minutes_connected_start_the_counters_again(void **state)
{
    struct life l = { .state = SESSION_CONNECTED };
    const struct policy *p = &policy_default;

    drop(&l, p, 428, 0, T0);
    l.r = retry_claim(p, &l.r, 1, T0);
    called(&l, p, ATTEMPT_REFUSED, 0, T0);
    change(&l, p, SESSION_CONNECTED, NULL, 0, false, T0 + S);
    drop(&l, p, 408, p->stable_ms - 1, T0 + 600 * S);
    assert_int_equal(l.r.failures, 1);
    assert_int_equal(l.r.attempts, 1);
    change(&l, p, SESSION_CONNECTED, NULL, 0, false, T0 + 601 * S);
    drop(&l, p, 408, p->stable_ms, T0 + 1201 * S);
    assert_int_equal(l.r.failures, 0);
    assert_int_equal(l.r.attempts, 0);
}

static void test_outdated(void **state)
{
    struct life l = { .state = SESSION_CONNECTED };

    drop(&l, &policy_default, 405, 0, T0);
    assert_int_equal(l.r.park, RETRY_PARK_OUTDATED);
    assert_true(l.effect.bridge_outdated);
    change(&l, &policy_default, SESSION_CONNECTED, NULL, 0, false, T0);
    assert_true(l.effect.bridge_current);
    assert_int_equal(l.r.phase, RETRY_IDLE);
}

/* It is asked for again at the time of the verdict, and within a minute in any case. */
static void test_put_off(void **state)
{
    static const struct {
        struct retry_verdict verdict;
        int due_s; /* 0: it leaves the queue */
    } cases[] = {
        { { WHY_FLAPPING, T0 + 10 * S }, 10 },
        { { WHY_FLAPPING, T0 + 59 * S }, 59 },
        { { WHY_FLAPPING, T0 + 3600 * S }, 60 },
        { { WHY_NOT_SEEN, 0 }, 5 },
        { { WHY_LOGGED_OUT, 0 }, 0 },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct retry due = { .phase = RETRY_DUE, .reason = RETRY_FOR_DROP, .due_at = T0 };
        struct retry n = retry_put_off(&due, cases[i].verdict, T0);

        assert_int_equal(n.phase, cases[i].due_s ? RETRY_DUE : RETRY_IDLE);
        assert_int_equal(n.due_at, cases[i].due_s ? T0 + cases[i].due_s * S : 0);
    }
}

/* A flap damping that ends early brings forward an attempt that was put off for it, up to the spacing, and nothing else. */
static void test_relieved(void **state)
{
    const struct policy *p = &policy_default;
    const struct retry_change relief = { .from = SESSION_DISCONNECTED,
                                         .to = SESSION_DISCONNECTED,
                                         .relieved = true };
    struct retry_verdict damped = { WHY_FLAPPING, T0 + 3600 * S };
    struct life l = { .state = SESSION_CONNECTED };

    drop(&l, p, 428, 0, T0);
    l.r = retry_put_off(&l.r, damped, T0);
    assert_true(l.r.due_at > T0);
    l.r = retry_follow(p, &l.r, &relief, T0 + S, &l.effect);
    assert_int_equal(l.r.due_at, T0 + S);
    l.r.last_sent = T0;
    l.r.due_at = T0 + 3600 * S;
    l.r = retry_follow(p, &l.r, &relief, T0 + S, &l.effect);
    assert_int_equal(l.r.due_at, T0 + p->interval_ms);
    l = (struct life){ .state = SESSION_CONNECTED };
    drop(&l, p, 440, 0, T0);
    l.r = retry_follow(p, &l.r, &relief, T0 + S, &l.effect);
    assert_int_equal(l.r.due_at, T0 + p->replaced_delay_ms);
}

/* It waits as long as the bridge asked for, and nobody is at fault. */
static void test_throttled(void **state)
{
    static const int64_t waits[] = { 0, 10 * 1000, 3600 * 1000 };

    for (size_t i = 0; i < ARRAY_LEN(waits); i++) {
        struct retry_call call = { .outcome = ATTEMPT_THROTTLED, .wait_ms = waits[i] };
        int64_t spaced = T0 + policy_default.interval_ms;
        struct life l = { .state = SESSION_CONNECTED };

        drop(&l, &policy_default, 428, 0, T0);
        l.r = retry_claim(&policy_default, &l.r, 1, T0);
        l.r = retry_called(&policy_default, &l.r, &call, SESSION_DISCONNECTED, 0, T0, &l.outcome);
        assert_int_equal(l.outcome, ATTEMPT_THROTTLED);
        assert_int_equal(l.r.phase, RETRY_DUE);
        assert_int_equal(l.r.failures, 0);
        assert_int_equal(l.r.due_at, spaced > T0 + waits[i] ? spaced : T0 + waits[i]);
    }
}

/* No method at all, or one that is had when fewer sessions are connected: two reasons, both keep everything waiting. */
static void test_guard(void **state)
{
    struct retry_bridge b = { .known = true, .health = BRIDGE_HEALTH_UP, .fresh_until = INT64_MAX };

    assert_int_equal(retry_bridge_verdict(&policy_default, &b, T0).why, WHY_READY);
    b.no_reconnect_method = true;
    assert_int_equal(retry_bridge_verdict(&policy_default, &b, T0).why, WHY_NO_METHOD);
    b.hook_guarded = true;
    assert_int_equal(retry_bridge_verdict(&policy_default, &b, T0).why, WHY_HOOK_GUARD);
}

static void test_outcomes(void **state)
{
    static const struct {
        enum attempt_outcome call;
        enum session_state state;
        enum attempt_outcome outcome;
    } cases[] = {
        { ATTEMPT_CALLED, SESSION_DISCONNECTED, ATTEMPT_CALLED },
        { ATTEMPT_CALLED, SESSION_STARTING, ATTEMPT_CALLED },
        { ATTEMPT_CALLED, SESSION_CONNECTED, ATTEMPT_SUCCEEDED },
        { ATTEMPT_CALLED, SESSION_LOGGED_OUT, ATTEMPT_NOT_CONNECTED },
        { ATTEMPT_REFUSED, SESSION_CONNECTED, ATTEMPT_SUCCEEDED }, /* R6: the bridge's report counts */
        { ATTEMPT_BRIDGE_FAULT, SESSION_CONNECTED, ATTEMPT_SUCCEEDED },
        { ATTEMPT_BRIDGE_FAULT, SESSION_DISCONNECTED, ATTEMPT_BRIDGE_FAULT },
        { ATTEMPT_REFUSED, SESSION_DISCONNECTED, ATTEMPT_REFUSED },
        { ATTEMPT_NO_METHOD, SESSION_DISCONNECTED, ATTEMPT_NO_METHOD },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct life l = { .state = SESSION_CONNECTED };

        drop(&l, &policy_default, 428, 0, T0);
        l.r = retry_claim(&policy_default, &l.r, 1, T0);
        l.state = cases[i].state;
        called(&l, &policy_default, cases[i].call, 0, T0);
        assert_int_equal(l.outcome, cases[i].outcome);
        assert_true(attempt_outcome_is_open(l.outcome) == (l.r.phase == RETRY_VERIFYING));
    }
}

static void test_backoff(void **state)
{
    static const struct {
        int64_t attempts;
        uint64_t rand64;
        int64_t wait_s;
    } cases[] = {
        { 1, 0, 30 },
        { 1, 30 * 1000, 60 }, /* full jitter up to twice MIN */
        { 1, 30 * 1000 + 1, 30 },
        { 2, 90 * 1000, 120 },
        { 5, 870 * 1000, 900 }, /* cut at MAX */
        { 60, 870 * 1000, 900 },
    };
    struct policy p = policy_default;

    p.backoff_min_ms = 30 * S;
    p.backoff_max_ms = 900 * S;
    assert_int_equal(policy_spacing_ms(&p), 30 * S);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct retry r = { .last_sent = T0, .attempts = cases[i].attempts };

        assert_int_equal(retry_next_at(&p, &r, cases[i].rand64), T0 + cases[i].wait_s * S);
    }
}

/* With a short interval the verification is short too: the next attempt does not wait for it. */
static void test_short_interval(void **state)
{
    struct policy p = policy_default;
    struct life l = { .state = SESSION_CONNECTED };

    p.interval_ms = 5 * S;
    drop(&l, &p, 428, 0, T0);
    l.r = retry_claim(&p, &l.r, 1, T0);
    called(&l, &p, ATTEMPT_CALLED, 0, T0 + S);
    assert_int_equal(l.r.verify_until, T0 + 6 * S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stories),
        cmocka_unit_test(test_parks_after_failures),
        cmocka_unit_test(test_ten_minutes_connected_start_the_counters_again),
        cmocka_unit_test(test_outdated),
        cmocka_unit_test(test_outcomes),
        cmocka_unit_test(test_backoff),
        cmocka_unit_test(test_short_interval),
        cmocka_unit_test(test_put_off),
        cmocka_unit_test(test_relieved),
        cmocka_unit_test(test_throttled),
        cmocka_unit_test(test_guard),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
