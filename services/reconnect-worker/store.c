#include "services/reconnect-worker/store.h"

int store_open(struct worker *w)
{
    int r;

    if (w->state.db)
        return 0;
    r = state_store_open(&w->state);
    if (r == 0)
        r = bridges_set_policy(w->state.db, w->settings.bridge.name, &w->settings.policy.policy);
    if (r != 0)
        state_store_close(&w->state);
    return r;
}
