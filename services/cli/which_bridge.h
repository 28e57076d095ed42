/*
 * Which bridge a command is about: --bridge NAME; for a command about a session also BRIDGE/ID, or ID where state.db knows
 * it on one bridge only.
 */
#pragma once

#include "services/cli/cli.h"

/* Reads ZAPKEEP_BRIDGES and takes the settings of the bridge that is meant. @args NULL: the command takes none; @is_session:
 * its one argument is a session, and "BRIDGE/" is taken off it. Prints a problem itself. Returns -1: go on; else the exit
 * code. */
int which_bridge(struct cli_settings *s, const struct setting *table, struct settings_args *args,
                 bool is_session);
/* Takes the settings of this bridge. As above. */
int which_bridge_take(struct cli_settings *s, const struct setting *table, const char *name);
/* A session as a command takes it: BRIDGE/ID where there are several bridges, else ID. Returns @ret. */
#define SESSION_ARGUMENT_MAX ((size_t)2 * SESSION_ID_MAX)
const char *session_argument(const struct cli_settings *s, const char *bridge, const char *id,
                             char ret[SESSION_ARGUMENT_MAX]);
