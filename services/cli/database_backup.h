/* Backups of a store in PostgreSQL: its own tools make them. */
#pragma once

#include "services/cli/cli.h"

/* EXIT_GO_ON: the store is a folder. Else says how a database is copied, with its server's statement about its archive, and returns
 * the exit code: never "done", for nothing was copied. */
int database_backup(const struct cli_settings *s);
/* The same for putting a copy back. */
int database_restore(const struct cli_settings *s);
