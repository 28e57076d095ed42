/* The CLI's rows in the audit list. */
#pragma once

#include "services/cli/cli.h"

/* Set by a program that writes the row itself: the console. */
#define CLI_AUDITED_BY "ZAPKEEP_AUDITED_BY"

/* Writes a change and its actor; a failure is forgotten: the change stays, and a folder that cannot be written was named
 * already. Nothing is written when the console runs the command, which has written its own row. @session "": none. */
void cli_audit(const struct cli_settings *settings, const char *action, const char *bridge,
               const char *session, bool ok, const char *detail);
