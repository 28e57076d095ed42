#include "services/monitor/sender_clock.h"

static int64_t shorter(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t sender_clock_late_ms(struct sender_clock *c, int64_t at, int64_t occurred_at, int64_t now_ms)
{
    int64_t delay_ms = at > occurred_at ? at - occurred_at : 0;

    if (occurred_at <= 0)
        return 0;
    if (c->since_ms == 0) {
        *c = (struct sender_clock){ .now_ms = delay_ms, .since_ms = now_ms };
    } else if (now_ms - c->since_ms >= SENDER_CLOCK_PERIOD_MS) {
        *c = (struct sender_clock){ .before_ms = c->now_ms, .now_ms = delay_ms, .since_ms = now_ms };
    }
    c->now_ms = shorter(c->now_ms, delay_ms);
    return delay_ms - shorter(c->before_ms, c->now_ms);
}
