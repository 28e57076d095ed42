#include "common/store/waiting.h"

#include <stddef.h>

#include "common/base/clock.h"

static _Thread_local struct store_waiting waiting;
static _Thread_local bool is_set;
static _Thread_local int64_t waits_since_ms;

static _Atomic bool hurry, in_vain;

void store_hurry(void)
{
    hurry = true;
}

int64_t store_wait_ms(int64_t limit_ms)
{
    if (hurry && in_vain)
        return 0;
    return hurry && limit_ms > STORE_HURRY_MS ? STORE_HURRY_MS : limit_ms;
}

void store_waited(void)
{
    in_vain = hurry;
}

void store_waits_since(int64_t ms)
{
    waits_since_ms = ms;
}

bool store_hangs(void)
{
    return waits_since_ms != 0 && clock_mono_us() / 1000 - waits_since_ms > STORE_HANGS_MS;
}

void store_set_waiting(const struct store_waiting *w)
{
    is_set = w != NULL;
    if (w)
        waiting = *w;
}

bool store_waiting(struct store_waiting *ret)
{
    if (is_set)
        *ret = waiting;
    return is_set;
}
