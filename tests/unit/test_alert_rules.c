/* Which alert a session deserves, and its words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/mem.h"
#include "services/monitor/alert_rules.h"
#include "tests/unit/monitor_rules.h"

#define S 1000LL
/* In its state for long, but not for so long that being down is an alert by itself. */
#define LONG .state_ms = 60 * S, .down_ms = 60 * S, .paired = true,

static const struct {
    const char *what;
    struct alert_facts facts;
    int code;
    enum alert_kind kind;
} cases[] = {
    { "all is well", { LONG.state = SESSION_CONNECTED }, 0, ALERT_NONE },
    { "a drop is our job, not a person's", { LONG.state = SESSION_DISCONNECTED }, 428, ALERT_NONE },
    { "logged out", { LONG.state = SESSION_LOGGED_OUT }, 401, ALERT_SESSION_LOGGED_OUT },
    { "a code to scan", { LONG.state = SESSION_QR_PENDING }, 0, ALERT_SESSION_NEEDS_QR },
    { "banned", { LONG.state = SESSION_FAILED, .parked = true }, 403, ALERT_SESSION_BANNED },
    { "two owners", { LONG.state = SESSION_DISCONNECTED, .parked = true }, 440, ALERT_SESSION_PARKED },
    { "20 attempts in vain",
      { LONG.state = SESSION_DISCONNECTED, .parked = true },
      428,
      ALERT_SESSION_PARKED },
    { "outdated: the bridge's alert", { LONG.state = SESSION_FAILED, .parked = true }, 405, ALERT_NONE },
    { "gone", { LONG.state = SESSION_LOST }, 0, ALERT_SESSION_LOST },
    { "gone, and parked", { LONG.state = SESSION_LOST, .parked = true }, 0, ALERT_SESSION_LOST },
    { "flapping", { LONG.state = SESSION_DISCONNECTED, .flapping = true }, 428, ALERT_SESSION_FLAPPING },
    { "flapping, up right now",
      { LONG.state = SESSION_CONNECTED, .flapping = true },
      0,
      ALERT_SESSION_FLAPPING },
    { "a person", { LONG.state = SESSION_ACTION_REQUIRED }, 0, ALERT_SESSION_ACTION_REQUIRED },
    { "silent", { LONG.state = SESSION_CONNECTED, .silent = true }, 0, ALERT_SESSION_SILENT },
    { "nobody is silent while down", { LONG.state = SESSION_DISCONNECTED, .silent = true }, 428, ALERT_NONE },
    { "on its way: what was current stays",
      { LONG.state = SESSION_STARTING, .current = ALERT_SESSION_LOGGED_OUT },
      401,
      ALERT_SESSION_LOGGED_OUT },
    { "a word that is not known ends nothing",
      { LONG.state = SESSION_UNKNOWN, .current = ALERT_SESSION_LOGGED_OUT },
      401,
      ALERT_SESSION_LOGGED_OUT },
    { "on its way, no alert", { LONG.state = SESSION_STARTING, .parked = true }, 0, ALERT_NONE },
    { "down for three minutes, whatever is tried",
      { .state = SESSION_DISCONNECTED, .down_ms = 180 * S },
      428,
      ALERT_SESSION_DOWN },
    { "also where it is starting again and again",
      { .state = SESSION_STARTING, .down_ms = 180 * S },
      428,
      ALERT_SESSION_DOWN },
    { "up again: no longer", { .state = SESSION_CONNECTED, .current = ALERT_SESSION_DOWN }, 0, ALERT_NONE },
    { "starting is not up",
      { .state = SESSION_STARTING, .down_ms = 170 * S, .current = ALERT_SESSION_DOWN },
      0,
      ALERT_SESSION_DOWN },
    { "a connected session is not alerted as parked",
      { LONG.state = SESSION_CONNECTED, .parked = true },
      0,
      ALERT_NONE },

    /* not before the reason has lasted */
    { "parked, a moment ago",
      { .state = SESSION_DISCONNECTED, .parked = true, .state_ms = 9 * S },
      428,
      ALERT_NONE },
    { "logged out, a moment ago", { .state = SESSION_LOGGED_OUT, .state_ms = 9 * S }, 401, ALERT_NONE },
    { "lost, a moment ago", { .state = SESSION_LOST, .state_ms = 9 * S }, 0, ALERT_NONE },
    { "an operator pairs a new session", { .state = SESSION_QR_PENDING, .state_ms = 60 * S }, 0, ALERT_NONE },
    { "and goes away", { .state = SESSION_QR_PENDING, .state_ms = 180 * S }, 0, ALERT_SESSION_NEEDS_QR },
    { "it lost its pairing",
      { .state = SESSION_QR_PENDING, .state_ms = 10 * S, .paired = true },
      0,
      ALERT_SESSION_NEEDS_QR },
    { "the one before stays meanwhile",
      { .state = SESSION_LOGGED_OUT, .state_ms = 1 * S, .current = ALERT_SESSION_DOWN },
      401,
      ALERT_SESSION_DOWN },

    /* one pair in five minutes */
    { "another one so soon", { LONG.state = SESSION_LOGGED_OUT, .raised_ago_ms = 299 * S }, 401, ALERT_NONE },
    { "after five minutes",
      { LONG.state = SESSION_LOGGED_OUT, .raised_ago_ms = 300 * S },
      401,
      ALERT_SESSION_LOGGED_OUT },
    { "another kind so soon: the one that is on stays",
      { LONG.state = SESSION_LOGGED_OUT, .raised_ago_ms = 60 * S, .current = ALERT_SESSION_NEEDS_QR },
      401,
      ALERT_SESSION_NEEDS_QR },
    { "connected and flapping, so soon after another alert: that one is over",
      { LONG.state = SESSION_CONNECTED, .flapping = true, .raised_ago_ms = 60 * S,
        .current = ALERT_SESSION_LOGGED_OUT },
      0,
      ALERT_NONE },
    { "down for long, and an attempt is under way",
      { .state = SESSION_DISCONNECTED, .down_ms = 189 * S, .attempting = true },
      0,
      ALERT_NONE },
    { "the attempt is not waited for any longer",
      { .state = SESSION_DISCONNECTED, .down_ms = 190 * S, .attempting = true },
      0,
      ALERT_SESSION_DOWN },
    { "it may end at any time",
      { LONG.state = SESSION_CONNECTED, .raised_ago_ms = 1 * S, .current = ALERT_SESSION_LOGGED_OUT },
      0,
      ALERT_NONE },
};

static void test_kinds(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct alert_facts f = cases[i].facts;
        enum alert_kind k;

        f.cause = cases[i].code ? cause_find(cases[i].code) : NULL;
        f.raised_ago_ms = f.raised_ago_ms ? f.raised_ago_ms : INT64_MAX;
        f.bridge_outdated = true;
        k = alert_of_session(default_rules(), &f);
        if (k != cases[i].kind)
            fail_msg("%s: %s", cases[i].what, alert_kind_text(k));
        assert_int_equal(alert_is_bridges(&f), cases[i].code == 405);
    }
}

/* Another session connects, so the bridge is not too old: one that is still refused needs a person. */
static void test_a_session_is_spoken_for_while_the_bridges_alert_is_on(void **state)
{
    struct alert_facts f = { LONG.state = SESSION_FAILED, .parked = true, .raised_ago_ms = INT64_MAX };

    f.cause = cause_find(405);
    f.bridge_outdated = true;
    assert_int_equal(alert_of_session(default_rules(), &f), ALERT_NONE);
    f.bridge_outdated = false;
    assert_int_equal(alert_of_session(default_rules(), &f), ALERT_SESSION_BANNED);
}

static void test_names(void **state)
{
    for (enum alert_kind k = ALERT_NONE + 1; k < ALERT_KIND_N; k++) {
        assert_int_equal(alert_kind_find(alert_kind_text(k)), k);
        assert_int_equal(alert_kind_scope(k) == ALERT_OF_SESSION,
                         strncmp(alert_kind_text(k), "session-", 8) == 0);
    }
    assert_int_equal(alert_kind_find("no-such-alert"), ALERT_NONE);
}

static void test_sentences(void **state)
{
    CLEANUP(buf_fini) struct buf b = BUF_INIT(1024);

    alert_sentence(ALERT_SESSION_LOGGED_OUT, true, "main", "s1", "removed on the phone", &b);
    assert_string_equal(buf_str(&b), "session s1 on bridge main is logged out: `zapkeep session pair` shows "
                                     "a new code (removed on the phone)");
    buf_reset(&b);
    alert_sentence(ALERT_BRIDGE_DOWN, false, "main", "", "whatever", &b);
    assert_string_equal(buf_str(&b), "bridge main is no longer down");
    buf_reset(&b);
    alert_end_sentence(ALERT_SESSION_PARKED, ALERT_NONE, true, NULL, "main", "s1", &b);
    assert_string_equal(buf_str(&b), "session s1 on bridge main is up again, and stays parked");
    buf_reset(&b);
    alert_end_sentence(ALERT_SESSION_PARKED, ALERT_NONE, false, NULL, "main", "s1", &b);
    assert_string_equal(buf_str(&b), "session s1 on bridge main is no longer parked");
    buf_reset(&b);
    alert_end_sentence(ALERT_SESSION_DOWN, ALERT_SESSION_PARKED, true, NULL, "main", "s1", &b);
    assert_string_equal(buf_str(&b), "session s1 on bridge main is no longer down for a while: it is parked");
    buf_reset(&b);
    alert_end_sentence(ALERT_SESSION_LOST, ALERT_NONE, false, cause_by_name("removed"), "main", "s1", &b);
    assert_string_equal(
        buf_str(&b),
        "session s1 on bridge main was removed at the bridge: `zapkeep session delete` forgets it");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_kinds),
                                        cmocka_unit_test(
                                            test_a_session_is_spoken_for_while_the_bridges_alert_is_on),
                                        cmocka_unit_test(test_names), cmocka_unit_test(test_sentences) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
