/* Every reason not to attempt, one row each (R2, R3, R4), and the ones a person may override. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/mem.h"
#include "common/policy/retry.h"

#define S   ((int64_t)1000)
#define NOW (100000 * S)

/* A session that may be attempted, on a bridge that is well; a row changes one thing. */
struct world {
    struct retry r;
    struct retry_session s;
    struct retry_bridge b;
};

static struct world well(void)
{
    struct world w = { 0 };

    w.r = (struct retry){ .phase = RETRY_DUE, .reason = RETRY_FOR_DROP, .due_at = NOW - S };
    w.s.state = SESSION_DISCONNECTED;
    w.b = (struct retry_bridge){ .known = true, .health = BRIDGE_HEALTH_UP };
    w.b.swept_at = NOW - S;
    w.b.fresh_until = NOW + S;
    w.b.bucket = (struct bucket){ .micro = 1000 * 1000, .at = NOW };
    return w;
}

struct expect {
    enum why why, asked, forced; /* to a worker; to an operator; to an operator with --force */
    int64_t until;
};

static void check(const char *what, const struct world *w, const struct expect *e)
{
    const struct policy *p = &policy_default;
    struct retry_verdict v = retry_session_verdict(p, &w->r, &w->s, &w->b, NOW);
    enum why asked = retry_ask_verdict(p, &w->r, &w->s, &w->b, false, NOW).why;
    enum why forced = retry_ask_verdict(p, &w->r, &w->s, &w->b, true, NOW).why;

    if (v.why == WHY_READY)
        v = retry_bridge_verdict(p, &w->b, NOW);
    if (v.why != e->why || asked != e->asked || forced != e->forced)
        fail_msg("%s: %s, asked: %s, forced: %s", what, why_key(v.why), why_key(asked), why_key(forced));
    if (e->until && v.until != e->until)
        fail_msg("%s: until %lld", what, (long long)(v.until - NOW));
}

#define ALL(w)                       \
    {                                \
        WHY_##w, WHY_##w, WHY_##w, 0 \
    }
#define ALL_UNTIL(w, t)              \
    {                                \
        WHY_##w, WHY_##w, WHY_##w, t \
    }

static void test_session(void **state)
{
    static const struct {
        const char *what;
        struct retry r;
        struct retry_session s;
        struct expect e;
    } cases[] = {
        { "ready", { .phase = RETRY_DUE }, { SESSION_DISCONNECTED, 0 }, ALL(READY) },
        { "connected", { .phase = RETRY_DUE }, { SESSION_CONNECTED, 0 }, ALL(CONNECTED) },
        { "starting", { .phase = RETRY_DUE }, { SESSION_STARTING, 0 }, ALL(STARTING) },
        { "a person", { .phase = RETRY_DUE }, { SESSION_ACTION_REQUIRED, 0 }, ALL(ACTION_REQUIRED) },
        { "qr", { .phase = RETRY_DUE }, { SESSION_QR_PENDING, 0 }, ALL(QR_PENDING) },
        { "logged out", { .phase = RETRY_DUE }, { SESSION_LOGGED_OUT, 0 }, ALL(LOGGED_OUT) },
        { "failed", { .phase = RETRY_DUE }, { SESSION_FAILED, 0 }, ALL(FAILED) },
        { "lost", { .phase = RETRY_DUE }, { SESSION_LOST, 0 }, ALL(LOST) },
        { "parked", { .phase = RETRY_PARKED }, { SESSION_DISCONNECTED, 0 }, ALL(PARKED) },
        { "calling",
          { .phase = RETRY_CALLING, .lease_until = NOW + 9 },
          { SESSION_DISCONNECTED, 0 },
          ALL_UNTIL(CALLING, NOW + 9) },
        { "lease over, not repaired yet",
          { .phase = RETRY_CALLING, .lease_until = NOW - 9 },
          { SESSION_DISCONNECTED, 0 },
          ALL(CALLING) },
        { "verifying", { .phase = RETRY_VERIFYING }, { SESSION_DISCONNECTED, 0 }, ALL(VERIFYING) },
        { "idle",
          { .phase = RETRY_IDLE },
          { SESSION_DISCONNECTED, 0 },
          { WHY_NOT_WANTED, WHY_READY, WHY_READY, 0 } },
        { "not due",
          { .phase = RETRY_DUE, .reason = RETRY_FOR_AGAIN, .due_at = NOW + 1 },
          { SESSION_DISCONNECTED, 0 },
          { WHY_NOT_DUE, WHY_READY, WHY_READY, NOW + 1 } },
        { "the drop is new",
          { .phase = RETRY_DUE, .reason = RETRY_FOR_DROP, .seen_at = NOW - S, .due_at = NOW + 1 },
          { SESSION_DISCONNECTED, 0 },
          { WHY_GRACE, WHY_READY, WHY_READY, NOW + 1 } },
        { "put off for something else",
          { .phase = RETRY_DUE, .reason = RETRY_FOR_DROP, .seen_at = NOW - S, .due_at = NOW + 60 * S },
          { SESSION_DISCONNECTED, 0 },
          { WHY_NOT_DUE, WHY_READY, WHY_READY, NOW + 60 * S } },
        { "the longest counts: flapping",
          { .phase = RETRY_DUE,
            .reason = RETRY_FOR_DROP,
            .seen_at = NOW,
            .due_at = NOW + 2 * S,
            .last_sent = NOW - S },
          { SESSION_DISCONNECTED, NOW + 900 * S },
          { WHY_FLAPPING, WHY_SPACING, WHY_READY, NOW + 900 * S } },
        { "the longest counts: the interval",
          { .phase = RETRY_DUE,
            .reason = RETRY_FOR_DROP,
            .seen_at = NOW,
            .due_at = NOW + 2 * S,
            .last_sent = NOW - S },
          { SESSION_DISCONNECTED, NOW + 9 * S },
          { WHY_SPACING, WHY_SPACING, WHY_READY, NOW + 299 * S } },
        { "two owners",
          { .phase = RETRY_DUE, .reason = RETRY_FOR_SLOW, .due_at = NOW + 1 },
          { SESSION_DISCONNECTED, 0 },
          { WHY_SLOW, WHY_READY, WHY_READY, NOW + 1 } },
        { "one ms too early",
          { .phase = RETRY_DUE, .last_sent = NOW - 300 * S + 1 },
          { SESSION_DISCONNECTED, 0 },
          { WHY_SPACING, WHY_SPACING, WHY_READY, NOW + 1 } },
        { "the interval is over",
          { .phase = RETRY_DUE, .last_sent = NOW - 300 * S },
          { SESSION_DISCONNECTED, 0 },
          ALL(READY) },
        { "sent in the future, after a restart of the machine",
          { .phase = RETRY_DUE, .last_sent = NOW + S },
          { SESSION_DISCONNECTED, 0 },
          { WHY_SPACING, WHY_SPACING, WHY_READY, NOW + 301 * S } },
        { "at once: outside the spacing",
          { .phase = RETRY_DUE, .reason = RETRY_FOR_AT_ONCE, .last_sent = NOW - S },
          { SESSION_DISCONNECTED, 0 },
          { WHY_READY, WHY_SPACING, WHY_READY, 0 } },
        { "forced: outside the spacing",
          { .phase = RETRY_DUE, .reason = RETRY_FOR_OPERATOR, .forced = true, .last_sent = NOW - S },
          { SESSION_DISCONNECTED, 0 },
          { WHY_READY, WHY_SPACING, WHY_READY, 0 } },
        { "flapping",
          { .phase = RETRY_DUE },
          { SESSION_DISCONNECTED, NOW + 7 },
          { WHY_FLAPPING, WHY_READY, WHY_READY, NOW + 7 } },
        { "flapping, by hand",
          { .phase = RETRY_DUE, .reason = RETRY_FOR_OPERATOR },
          { SESSION_DISCONNECTED, NOW + 7 },
          ALL(READY) },
        { "silent: connected, and wanted",
          { .phase = RETRY_DUE, .reason = RETRY_FOR_SILENT },
          { SESSION_CONNECTED, 0 },
          ALL(READY) },
        { "unparked after a ban",
          { .phase = RETRY_DUE, .reason = RETRY_FOR_OPERATOR },
          { SESSION_FAILED, 0 },
          ALL(READY) },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world w = well();

        w.r = cases[i].r;
        w.s = cases[i].s;
        check(cases[i].what, &w, &cases[i].e);
    }
}

/* Nothing is attempted again before the monitor has seen it down after the last attempt. */
static void test_seen(void **state)
{
    static const struct {
        int64_t swept_at, seen_at;
        enum why why;
    } cases[] = {
        { NOW - 301 * S, NOW - 301 * S, WHY_NOT_SEEN },
        { NOW - 299 * S, NOW - 301 * S, WHY_READY },
        { NOW - 301 * S, NOW - 299 * S, WHY_READY },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world w = well();
        struct expect e = { cases[i].why, WHY_READY, WHY_READY, 0 };

        w.r.last_sent = NOW - 300 * S;
        w.r.seen_at = cases[i].seen_at;
        w.b.swept_at = cases[i].swept_at;
        check("seen", &w, &e);
    }
}

static void test_bridge(void **state)
{
    enum {
        UNWATCHED,
        UNKNOWN,
        NO_HEALTH,
        DOWN,
        INCIDENT,
        OUTDATED,
        SILENT,
        OPEN,
        PROBING,
        HOOK,
        FULL,
        EMPTY,
        N
    };
    static const struct expect e[N] = {
        [UNWATCHED] = ALL(NOT_CONFIGURED),
        [UNKNOWN] = ALL(NO_DRIVER),
        [NO_HEALTH] = ALL(BRIDGE_UNKNOWN),
        [DOWN] = ALL(BRIDGE_DOWN),
        [INCIDENT] = ALL(INCIDENT),
        [OUTDATED] = ALL(OUTDATED),
        [SILENT] = ALL(MONITOR_SILENT),
        [OPEN] = ALL_UNTIL(BREAKER_OPEN, NOW + 1),
        [PROBING] = { WHY_BREAKER_PROBING, WHY_READY, WHY_READY, 0 },
        [HOOK] = { WHY_HOOK_SPACING, WHY_READY, WHY_READY, NOW + 5 },
        [FULL] = { WHY_IN_FLIGHT_MAX, WHY_READY, WHY_READY, 0 },
        [EMPTY] = { WHY_BUCKET_EMPTY, WHY_READY, WHY_READY, NOW + 500 },
    };

    for (int i = 0; i < N; i++) {
        struct world w = well();

        w.b.unwatched = i == UNWATCHED;
        w.b.known = i != UNKNOWN && i != UNWATCHED;
        if (i == NO_HEALTH || i == DOWN)
            w.b.health = i == DOWN ? BRIDGE_HEALTH_DOWN : BRIDGE_HEALTH_UNKNOWN;
        w.b.incident = i == INCIDENT;
        w.b.outdated = i == OUTDATED;
        if (i == SILENT)
            w.b.fresh_until = NOW;
        if (i == OPEN)
            w.b.breaker = (struct breaker){ .state = BREAKER_OPEN, .until = NOW + 1 };
        if (i == PROBING)
            w.b.breaker = (struct breaker){ .state = BREAKER_HALF_OPEN, .since = NOW, .probes = 5 };
        w.b.hook_until = i == HOOK ? NOW + 5 : 0;
        w.b.in_flight = i == FULL ? 16 : 15;
        if (i == EMPTY)
            w.b.bucket.micro = 0;
        check("bridge", &w, &e[i]);
    }
}

static void test_words(void **state)
{
    for (int i = 0; i < WHY_N; i++) {
        assert_non_null(why_key((enum why)i));
        assert_true(strlen(why_message((enum why)i)) > 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_session),
        cmocka_unit_test(test_seen),
        cmocka_unit_test(test_bridge),
        cmocka_unit_test(test_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
