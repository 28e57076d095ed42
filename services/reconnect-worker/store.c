#include "services/reconnect-worker/store.h"

int store_open(struct worker_bridge *b)
{
    struct state_store *state = &b->worker->state;
    int r = state_store_open(state);

    if (r != 0 || b->policy_noted)
        return r;
    r = reconnect_set_policy(state->db, b->settings->bridge.name, &b->policy);
    b->policy_noted = r == 0;
    return r;
}
