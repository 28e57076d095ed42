/* RECONNECT_BACKOFF taken apart, and the defaults of the table against those of the policy. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/app/app.h"
#include "common/app/policy_settings.h"
#include "common/base/mem.h"

struct program {
    struct app_settings app;
    struct bridge_settings bridge;
    struct policy_settings policy;
};

static const struct setting table[] = {
    SETTINGS_OF(app_settings_table, struct program, app),
    SETTINGS_OF(bridge_settings_table, struct program, bridge),
    POLICY_SETTINGS(struct program, policy),
    { 0 },
};

static void test_defaults_agree(void **state)
{
    CLEANUP(buf_fini) struct buf problem = BUF_INIT(1024);
    char name[] = "x";
    char *argv[] = { name, NULL };
    struct program s = { 0 };

    assert_int_equal(settings_read(table, 1, argv, &problem, &s, NULL), 0);
    assert_int_equal(policy_settings_check(&s.policy, &problem), 0);
    assert_memory_equal(&s.policy.policy, &policy_default, sizeof policy_default);
    settings_free(table, &s);
}

static void test_backoff(void **state)
{
    static const struct {
        const char *text;
        int r;
        int64_t min_ms, max_ms;
    } cases[] = {
        { "30s..15m", 0, 30000, 900000 }, { "1s..1s", 0, 1000, 1000 },   { "", 0, 0, 0 },
        { "30s", -EINVAL, 0, 0 },         { "30s..10s", -EINVAL, 0, 0 }, { "500ms..5s", -EINVAL, 0, 0 },
        { "30s..25h", -EINVAL, 0, 0 },    { "..5s", -EINVAL, 0, 0 },     { "5s..", -EINVAL, 0, 0 },
        { "a..b", -EINVAL, 0, 0 },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_fini) struct buf problem = BUF_INIT(1024);
        struct policy_settings s = { .policy = policy_default, .backoff = cases[i].text };

        assert_int_equal(policy_settings_check(&s, &problem), cases[i].r);
        if (cases[i].r == 0) {
            assert_int_equal(s.policy.backoff_min_ms, cases[i].min_ms);
            assert_int_equal(s.policy.backoff_max_ms, cases[i].max_ms);
        } else {
            assert_non_null(strstr(buf_str(&problem), cases[i].text));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults_agree),
        cmocka_unit_test(test_backoff),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
