/* Removing a session from the bridge and from state.db, for `session delete` and `session pair`. */
#pragma once

#include "services/cli/bridge.h"

/* Returns -1: go on, it is removed (*ret_was_gone: the bridge had it no more); else the exit code, and the problem
 * was printed. */
int session_delete(const struct cli_settings *s, struct cli_bridge *b, const char *id, bool *ret_was_gone);
