/*
 * What a backend may say about when to come back: a schedule and any Retry-After, "seconds LF tries LF schedule". The
 * wait is never negative, and at most twice what was planned, or with jitter a fifth more.
 */
#include "common/base/buf.h"
#include "common/policy/delivery.h"
#include "tests/fuzz/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str rest = { (const char *)data, n };
    struct str seconds = input_until(&rest, "\n"), tries = input_until(&rest, "\n");
    char *a = input_copy(seconds), *b = input_copy(tries), *text = input_copy(rest);
    struct buf problem = BUF_INIT(1024);
    struct delivery_schedule s = { 0 };
    int64_t retry_after_s = 0, n_tries = 0, wait;

    if (text_to_i64(a, &retry_after_s) == 0 && text_to_i64(b, &n_tries) == 0 &&
        delivery_schedule_parse(text, &s, &problem) == 0 && n_tries >= 0 && n_tries <= DELIVERY_TRIES_MAX) {
        MUST(s.n >= 1 && s.n <= DELIVERY_TRIES_MAX && s.wait_ms[0] == 0);
        wait = delivery_wait_ms(&s, (int)n_tries, retry_after_s, (unsigned)(n % 1001));
        MUST(wait >= -1);
        MUST((wait == -1) == (n_tries >= s.n));
        MUST(wait <= 0 || wait <= 2 * s.wait_ms[n_tries]);
    }
    buf_fini(&problem);
    free(a);
    free(b);
    free(text);
    return 0;
}
