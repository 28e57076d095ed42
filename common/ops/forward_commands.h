/* Operator commands to the forwarder, several at once. */
#pragma once

#include "common/store/forward_commands.h"

/* Puts the commands into state.db, all or none; @ret_n gets their numbers. The caller publishes forward.command then.
 * Returns 0 or -errno. */
int forward_commands_put(struct db *state, const struct forward_command *commands, int n, int64_t wall_ms,
                         int64_t *ret_n);
