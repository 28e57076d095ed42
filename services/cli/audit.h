/* The CLI's rows in the audit list. */
#pragma once

#include "services/cli/cli.h"

/* Set by a program that writes the row itself: the console. */
#define CLI_AUDITED_BY "ZAPKEEP_AUDITED_BY"

/* Writes the change that a command made, and the user who ran it, into the audit list. Every command that changes something goes
 * through here. A failure to write is forgotten: the change stays, and the command has named a folder that cannot be
 * written. Nothing is written when the console runs the command: it has written its own row. @session "": none. */
void cli_audit(const struct cli_settings *settings, const char *action, const char *bridge,
               const char *session, bool ok, const char *detail);
