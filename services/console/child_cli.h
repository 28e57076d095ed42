/*
 * Pairing, deletion, replay and the doctor take minutes and call a bridge: they run as a child, the program zapkeep itself,
 * whose lines of JSON are read. So the console's loop never waits for a bridge, and each of them exists once.
 */
#pragma once

#include "common/io/proc_lines.h"
#include "services/console/context.h"

#define CHILD_CLI_WORDS_MAX     16
#define CHILD_CLI_ARGUMENTS_MAX 32

/* Gives the children our settings of bridge and store, also those that came as flags. Once, at the start. */
void child_cli_export(const struct console_settings *s);
/* Starts "zapkeep <words> --json [-- <arguments>]"; both lists are ended by NULL, and @arguments may be NULL. An argument is
 * never taken for a flag: bridges and operators choose names. The spec's argv is ignored. Returns 0 or -errno. */
int child_cli_start(const struct console_context *c, const char *const *words, const char *const *arguments,
                    const struct proc_lines_spec *spec, struct proc_lines **ret);
/* A session as an argument of the CLI: "BRIDGE/ID". Returns @ret. */
const char *child_cli_session(const char *bridge, const char *session, char *ret, size_t n);
/* A sentence about a child that ended so. @last_error: its last line. Returns @ret. */
const char *child_cli_problem(int status, const char *last_error, char *ret, size_t n);
