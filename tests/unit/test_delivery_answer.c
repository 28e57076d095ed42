/* The answer to a delivery: whose fault it is, what the backend asks for, what operators are shown. */
#include "tests/unit/cmocka_all.h"

#include <string.h>

#include "common/base/mem.h"
#include "services/forwarder/delivery_answer.h"

static void an_answer_is_told_from_a_connection_that_was_never_made(void **state)
{
    static const struct {
        enum http_error error;
        int status;
        int64_t sent_ms;
        enum delivery_failure want;
    } cases[] = {
        { HTTP_OK, 200, 1, DELIVERY_ANSWERED },
        { HTTP_OK, 500, 1, DELIVERY_ANSWERED },
        { HTTP_E_TOO_BIG, 200, 1, DELIVERY_ANSWERED },
        { HTTP_E_TOO_BIG, 0, 1, DELIVERY_BROKEN },
        { HTTP_E_CONNECT, 0, -1, DELIVERY_NO_CONNECTION },
        { HTTP_E_RESOLVE, 0, -1, DELIVERY_NO_CONNECTION },
        { HTTP_E_URL, 0, -1, DELIVERY_NO_CONNECTION },
        { HTTP_E_PRIVATE, 0, -1, DELIVERY_NO_CONNECTION },
        { HTTP_E_TIMEOUT, 0, -1, DELIVERY_NO_CONNECTION }, /* its host drops packets: no event's fault */
        { HTTP_E_TIMEOUT, 0, 0, DELIVERY_TIMEOUT },
        { HTTP_E_TIMEOUT, 0, 30, DELIVERY_TIMEOUT },
        { HTTP_E_BROKEN, 0, 2, DELIVERY_BROKEN },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct http_answer a = { .error = cases[i].error,
                                       .status = cases[i].status,
                                       .sent_ms = cases[i].sent_ms };

        assert_int_equal(delivery_answer_failure(&a), cases[i].want);
    }
}

static void a_wait_is_cut_and_none_is_told_from_zero(void **state)
{
    static const struct {
        int64_t s, want_ms;
    } cases[] = {
        { -1, -1 },
        { 0, 0 },
        { 8, 8000 },
        { PACE_PAUSE_MAX_MS / 1000 + 1, PACE_PAUSE_MAX_MS },
        { INT64_MAX, PACE_PAUSE_MAX_MS },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct http_answer a = { .retry_after_s = cases[i].s };

        assert_int_equal(delivery_answer_retry_after_ms(&a), cases[i].want_ms);
    }
}

static void operators_are_shown_the_status_or_the_error(void **state)
{
    static char body[FORWARD_ANSWER_MAX + 100];
    const struct http_answer answered = { .status = 500, .body = { body, sizeof body } };
    const struct http_answer broken = { .error = HTTP_E_CONNECT, .detail = "refused by 127.0.0.1" };
    const struct http_answer private = { .error = HTTP_E_PRIVATE };
    struct delivery_error e = { 0 };

    delivery_answer_describe(&answered, &e);
    assert_int_equal(e.status, 500);
    assert_string_equal(e.detail, "answered 500");
    assert_int_equal(e.answer.n, FORWARD_ANSWER_MAX);
    delivery_answer_describe(&broken, &e);
    assert_int_equal(e.status, 0);
    assert_non_null(strstr(e.detail, "refused by 127.0.0.1"));
    delivery_answer_describe(&private, &e);
    assert_non_null(strstr(e.detail, "allow_private = yes"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_told_from_a_connection_that_was_never_made),
        cmocka_unit_test(a_wait_is_cut_and_none_is_told_from_zero),
        cmocka_unit_test(operators_are_shown_the_status_or_the_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
