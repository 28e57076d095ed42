#include "common/ops/destination.h"

#include <string.h>

int64_t destination_lag(const struct forward_destination *d, const struct forward_counts *c, int64_t head)
{
    int64_t floor = d->floor > 0 ? d->floor : 0;

    return (head > floor + d->above ? head - floor - d->above : 0) + c->retrying + c->blocked;
}

int64_t destination_delivered(const struct forward_destination *d, const struct forward_counts *c)
{
    int64_t floor = d->floor > 0 ? d->floor : 0;

    return c->oldest > 0 && c->oldest <= floor ? c->oldest - 1 : floor;
}

const char *destination_state(const struct forward_destination *d, const struct forward_counts *c,
                              int64_t head, bool runs)
{
    if (!runs)
        return "stopped";
    if (!d->state[0])
        return "new";
    return strcmp(d->state, "ok") == 0 && destination_lag(d, c, head) > 0 ? "delivering" : d->state;
}
