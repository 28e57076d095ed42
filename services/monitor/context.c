#include "services/monitor/context.h"

#include <errno.h>

#include "common/store/cursors.h"

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

int context_save_position(const struct monitor_context *m, int64_t seq)
{
    int r = context_begin(m);

    if (r == 0)
        r = cursor_save(m->db, MONITOR_CURSOR, seq, times_wall(&m->times));
    if (r == 0)
        r = db_commit(m->db);
    if (r != 0)
        db_rollback(m->db);
    store_status_written(m->store, r);
    return r;
}
