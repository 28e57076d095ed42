/* Equal states of a session that are said again and again are one row of the log. */
#include "fixture.h"

#include "services/webhook-ingest/state_runs.h"

#define AT 1795690000000

static struct webhook_key key(char state, char body)
{
    struct webhook_key k = { .time_ms = AT, .has_state = true };

    memset(k.state, state, sizeof k.state);
    memset(k.digest, body, sizeof k.digest);
    return k;
}

/* The body whose key it took. */
static char settle(struct state_runs *runs, const char *session, int64_t at, char state, char body)
{
    struct webhook_key k = key(state, body);

    state_runs_settle(runs, STR_LIT("main"), session, at, &k);
    return (char)k.digest[0];
}

static void a_run_of_equal_states_takes_the_first_one_s_key(void **state)
{
    static struct state_runs runs;

    assert_int_equal(settle(&runs, "a", AT, 'c', 1), 1);
    assert_int_equal(settle(&runs, "a", AT + 9, 'c', 2), 1);
    assert_int_equal(settle(&runs, "b", AT + 9, 'd', 3), 3); /* another session's */
    assert_int_equal(settle(&runs, "a", AT + 500, 'c', 4), 1);
    assert_int_equal(settle(&runs, "a", AT + 600, 'o', 5), 5); /* a change */
    assert_int_equal(settle(&runs, "a", AT + 700, 'c', 6), 6); /* and back: another event, also this soon */
    assert_int_equal(settle(&runs, "a", AT + 800, 'c', 7), 6);
}

static void a_run_that_goes_on_is_a_row_a_minute(void **state)
{
    static struct state_runs runs;

    assert_int_equal(settle(&runs, "a", AT, 'c', 1), 1);
    assert_int_equal(settle(&runs, "a", AT + STATE_RUN_MS - 1, 'c', 2), 1);
    assert_int_equal(settle(&runs, "a", AT + STATE_RUN_MS, 'c', 3), 3);
    assert_int_equal(settle(&runs, "a", AT - 1, 'c', 4), 4); /* the clock was set back */
}

static void what_says_no_state_is_left_alone(void **state)
{
    static struct state_runs runs;
    struct webhook_key k = key('c', 1);

    k.has_state = false;
    state_runs_settle(&runs, STR_LIT("main"), "a", AT, &k);
    assert_int_equal(k.digest[0], 1);
    assert_int_equal(settle(&runs, "a", AT, 'c', 2), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_of_equal_states_takes_the_first_one_s_key),
        cmocka_unit_test(a_run_that_goes_on_is_a_row_a_minute),
        cmocka_unit_test(what_says_no_state_is_left_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
