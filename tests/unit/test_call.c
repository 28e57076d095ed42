/* The meaning of a bridge's answer to a reconnect call for the session. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "services/reconnect-worker/call.h"

static void test_an_answer_counts_against_the_session_only_when_it_is_about_it(void **state)
{
    assert_int_equal(call_outcome(0), ATTEMPT_CALLED);
    assert_int_equal(call_outcome(BRIDGE_NO_ROUTE), ATTEMPT_NO_METHOD);
    assert_int_equal(call_outcome(BRIDGE_NO_ANSWER), ATTEMPT_BRIDGE_FAULT);
    assert_int_equal(call_outcome(BRIDGE_BROKEN), ATTEMPT_BRIDGE_FAULT);
    assert_int_equal(call_outcome(BRIDGE_GARBAGE), ATTEMPT_BRIDGE_FAULT);
    assert_int_equal(call_outcome(BRIDGE_UNAUTHORIZED), ATTEMPT_BRIDGE_FAULT); /* the key is wrong for all */
    assert_int_equal(call_outcome(BRIDGE_REFUSED), ATTEMPT_REFUSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_answer_counts_against_the_session_only_when_it_is_about_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
