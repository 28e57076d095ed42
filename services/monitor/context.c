#include "services/monitor/context.h"

#include <errno.h>

int context_act(const struct monitor_context *m)
{
    if (!m->role)
        return -EPERM;
    store_role_fence(m->role, m->db);
    return 0;
}

int context_begin(const struct monitor_context *m)
{
    int r = context_act(m);

    return r == 0 ? db_begin(m->db) : r;
}
