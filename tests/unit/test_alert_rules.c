/* Which alert a session deserves, and its words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/mem.h"
#include "services/monitor/alert_rules.h"

static const struct {
    const char *what;
    struct alert_facts facts;
    int code;
    enum alert_kind kind;
} cases[] = {
    { "all is well", { .state = SESSION_CONNECTED }, 0, ALERT_NONE },
    { "a drop is our job, not a person's", { .state = SESSION_DISCONNECTED }, 428, ALERT_NONE },
    { "logged out", { .state = SESSION_LOGGED_OUT }, 401, ALERT_SESSION_LOGGED_OUT },
    { "a code to scan", { .state = SESSION_QR_PENDING }, 0, ALERT_SESSION_NEEDS_QR },
    { "banned", { .state = SESSION_FAILED, .parked = true }, 403, ALERT_SESSION_BANNED },
    { "two owners", { .state = SESSION_DISCONNECTED, .parked = true }, 440, ALERT_SESSION_PARKED },
    { "20 attempts in vain", { .state = SESSION_DISCONNECTED, .parked = true }, 428, ALERT_SESSION_PARKED },
    { "outdated: the bridge's alert", { .state = SESSION_FAILED, .parked = true }, 405, ALERT_NONE },
    { "gone", { .state = SESSION_LOST }, 0, ALERT_SESSION_LOST },
    { "gone, and parked", { .state = SESSION_LOST, .parked = true }, 0, ALERT_SESSION_LOST },
    { "flapping", { .state = SESSION_DISCONNECTED, .flapping = true }, 428, ALERT_SESSION_FLAPPING },
    { "flapping, up right now", { .state = SESSION_CONNECTED, .flapping = true }, 0, ALERT_SESSION_FLAPPING },
    { "silent", { .state = SESSION_CONNECTED, .silent = true }, 0, ALERT_SESSION_SILENT },
    { "nobody is silent while down", { .state = SESSION_DISCONNECTED, .silent = true }, 428, ALERT_NONE },
    { "on its way: what was current stays",
      { .state = SESSION_STARTING, .current = ALERT_SESSION_LOGGED_OUT },
      401,
      ALERT_SESSION_LOGGED_OUT },
    { "on its way, nothing told", { .state = SESSION_STARTING, .parked = true }, 0, ALERT_NONE },
};

static void test_kinds(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct alert_facts f = cases[i].facts;
        enum alert_kind k;

        f.cause = cases[i].code ? cause_find(cases[i].code) : NULL;
        k = alert_of_session(&f);
        if (k != cases[i].kind)
            fail_msg("%s: %s", cases[i].what, alert_kind_text(k));
        assert_int_equal(alert_is_bridges(&f), cases[i].code == 405);
    }
}

static void test_names(void **state)
{
    for (enum alert_kind k = ALERT_NONE + 1; k < ALERT_KIND_N; k++) {
        assert_int_equal(alert_kind_find(alert_kind_text(k)), k);
        assert_int_equal(k >= ALERT_SESSION_FIRST, strncmp(alert_kind_text(k), "session-", 8) == 0);
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
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_kinds), cmocka_unit_test(test_names),
                                        cmocka_unit_test(test_sentences) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
