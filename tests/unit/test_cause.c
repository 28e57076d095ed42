/* The table of causes: the plan of each code, as decided. */
#include "fixture.h"

#include "common/base/mem.h"
#include "common/bridge/driver.h"
#include "common/domain/cause.h"

static const struct {
    int code;
    enum cause_plan plan;
    enum cause_scope scope;
    const char *state;
    bool park;
} rows[] = {
    { 515, PLAN_AT_ONCE, SCOPE_SESSION, "disconnected", false },
    { 408, PLAN_NORMAL, SCOPE_SESSION, "disconnected", false },
    { 428, PLAN_NORMAL, SCOPE_SESSION, "disconnected", false },
    { 500, PLAN_NORMAL, SCOPE_SESSION, "disconnected", false },
    { 503, PLAN_NORMAL, SCOPE_SESSION, "disconnected", false },
    { 440, PLAN_SLOW, SCOPE_SESSION, "disconnected", false },
    { 401, PLAN_NEVER, SCOPE_SESSION, "logged_out", false },
    { 402, PLAN_NEVER, SCOPE_SESSION, "failed", true },
    { 403, PLAN_NEVER, SCOPE_SESSION, "failed", true },
    { 406, PLAN_NEVER, SCOPE_SESSION, "failed", true },
    { 405, PLAN_NEVER, SCOPE_BRIDGE, "failed", true },
    { 411, PLAN_NEVER, SCOPE_SESSION, "failed", true },
    { 0, PLAN_NORMAL, SCOPE_SESSION, "disconnected", false },
    { 777, PLAN_NORMAL, SCOPE_SESSION, "disconnected", false },
    { -1, PLAN_NORMAL, SCOPE_SESSION, "disconnected", false },
};

static void every_code_leads_where_it_should(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct cause *c = cause_find(rows[i].code);

        if (c->plan != rows[i].plan || c->scope != rows[i].scope || c->park != rows[i].park ||
            strcmp(c->state, rows[i].state) != 0)
            fail_msg("code %d: %s", rows[i].code, c->name);
    }
    assert_string_equal(cause_find(777)->name, "unknown");
}

/* A drop that only a look has found waits for its reason; a drop with a reason does not. */
static void only_the_poll_asks(void **state)
{
    int n = 0;

    for (const struct cause *c; (c = cause_at(n)); n++)
        assert_int_equal(c->plan == PLAN_ASK, strcmp(c->name, "poll") == 0);
}

static void every_row_can_be_found(void **state)
{
    static const char *const named[] = { "poll",   "lost",     "removed", "start-timeout",
                                         "silent", "operator", "unknown", "logged-out" };
    int n = 0;

    for (const struct cause *c; (c = cause_at(n)); n++) {
        assert_ptr_equal(cause_by_name(c->name), c);
        if (c->code)
            assert_ptr_equal(cause_find(c->code), c);
        assert_true(session_state_find(str_from(c->state)) >= 0);
        assert_true(strlen(c->meaning) > 20 && c->meaning[strlen(c->meaning) - 1] == '.');
        assert_true(!c->park || c->plan == PLAN_NEVER);
    }
    assert_true(n >= 17);
    for (size_t i = 0; i < ARRAY_LEN(named); i++)
        assert_non_null(cause_by_name(named[i]));
    assert_null(cause_by_name("nobody"));
    assert_null(cause_at(-1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_leads_where_it_should),
        cmocka_unit_test(only_the_poll_asks),
        cmocka_unit_test(every_row_can_be_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
