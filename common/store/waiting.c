#include "common/store/waiting.h"

#include <stddef.h>

static _Thread_local struct store_waiting waiting;
static _Thread_local bool is_set;

#define HURRY_MS 2000

static _Atomic bool hurry, in_vain;

void store_hurry(void)
{
    hurry = true;
}

int64_t store_wait_ms(int64_t limit_ms)
{
    if (hurry && in_vain)
        return 0;
    return hurry && limit_ms > HURRY_MS ? HURRY_MS : limit_ms;
}

void store_waited(void)
{
    in_vain = hurry;
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
