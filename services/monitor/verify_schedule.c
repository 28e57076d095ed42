#include "services/monitor/verify_schedule.h"

#include "common/base/mem.h"

/* A login takes 2 to 10 s; looking each second would only press a bridge that has enough to do. The last look
 * is at the end of the verification (policy, verify_ms: 20 s). */
static const int64_t looks_ms[] = { 2000, 5000, 10000 };

int64_t verify_next_ms(int64_t called_ms, int64_t until_ms, int64_t polled_ms)
{
    if (polled_ms >= until_ms)
        return 0;
    for (unsigned i = 0; i < ARRAY_LEN(looks_ms); i++) {
        int64_t at_ms = called_ms + looks_ms[i];

        if (at_ms > polled_ms && at_ms < until_ms)
            return at_ms;
    }
    return until_ms;
}
