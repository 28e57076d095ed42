#include "common/store/waiting.h"

#include <stddef.h>

static _Thread_local struct store_waiting waiting;
static _Thread_local bool is_set;

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
