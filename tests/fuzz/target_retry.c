/*
 * The times that a backend may ask for, and that a store may hold of them: "seconds LF tries LF schedule". No sum
 * goes over, a pause is bounded, and the rest of a wait is bounded by the schedule, for any clocks.
 */
#include "common/base/buf.h"
#include "common/policy/delivery.h"
#include "tests/fuzz/input.h"

static void pause(int64_t retry_after_ms)
{
    struct pace p = { 0 };

    pace_limited(&p, 1000, retry_after_ms);
    MUST(p.paused_until_ms <= 1000 + PACE_PAUSE_MAX_MS);
    (void)delivery_classify(DELIVERY_ANSWERED, 429, retry_after_ms);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str rest = { (const char *)data, n };
    struct str seconds = input_until(&rest, "\n"), tries = input_until(&rest, "\n");
    char *a = input_copy(seconds), *b = input_copy(tries), *text = input_copy(rest);
    struct buf problem = BUF_INIT(1024);
    struct delivery_schedule s = { 0 };
    int64_t at = 0, n_tries = 0, left;

    if (text_to_i64(a, &at) == 0)
        pause(at);
    if (text_to_i64(b, &n_tries) == 0 && delivery_schedule_parse(text, &s, &problem) == 0) {
        MUST(s.n >= 1 && s.n <= DELIVERY_TRIES_MAX && s.wait_ms[0] == 0);
        left = delivery_wait_left_ms(&s, n_tries, at, 1800000000000);
        MUST(left >= 0);
    }
    buf_fini(&problem);
    free(a);
    free(b);
    free(text);
    return 0;
}
