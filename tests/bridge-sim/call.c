/* Calls that ask for a reconnection, with their times on a clock that all tests of this machine can read. */
#include <stdio.h>

#include "common/base/clock.h"
#include "tests/bridge-sim/sim.h"

/* A request remembers its call by number + 1; NULL is none. */
void call_came(struct sim *s, struct http_req *r, struct str session)
{
    struct sim_call *call = &s->calls[s->n_calls % SIM_CALLS_MAX];

    *call = (struct sim_call){ .at_us = clock_mono_us(), .done_ms = -1 };
    str_copy(session, call->session, sizeof call->session);
    s->n_calls++;
    if (r)
        http_req_set_user(r, (void *)(intptr_t)s->n_calls);
    else
        call->done_ms = call->at_us / 1000;
}

void call_answered(struct sim *s, struct http_req *r)
{
    int64_t number = (int64_t)(intptr_t)http_req_user(r);

    if (number == 0 || number > s->n_calls || s->n_calls - number >= SIM_CALLS_MAX)
        return;
    s->calls[(number - 1) % SIM_CALLS_MAX].done_ms = clock_mono_us() / 1000;
}
