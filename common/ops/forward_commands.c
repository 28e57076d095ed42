#include "common/ops/forward_commands.h"

int forward_commands_put(struct db *state, const struct forward_command *commands, int n, int64_t wall_ms,
                         int64_t *ret_n)
{
    int r = db_begin(state);

    for (int i = 0; r == 0 && i < n; i++)
        r = forward_command_put(state, &commands[i], wall_ms, &ret_n[i]);
    if (r == 0)
        return db_commit(state);
    db_rollback(state);
    return r;
}
