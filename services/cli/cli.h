/*
 * The CLI's one table, and helpers for all commands. A command is one file cmd_<name>.c and one row in
 * commands.c.
 *
 * A command gets its arguments after its own name, reads them by a settings table of its own (flag_only rows)
 * on top of app_settings_table and bridge_settings_table, prints to stdout and returns an exit code of err.h:
 * 0 done, 1 the thing asked about is not so, 2 wrong usage, 3 cannot reach a store or a peer. Problems are
 * one line on stderr: cli_problem(). With --json every result is one JSON object a line.
 */
#pragma once

#include "common/app/app.h"
#include "common/app/bridge_config.h"
#include "common/store/db.h"

struct cli_command {
    const char *name;                   /* "session show": a name of two words */
    const char *args;                   /* "ID [--json]" */
    const char *what;                   /* one line */
    int (*run)(int argc, char *argv[]); /* argv[0] is the command's name */
};
extern const struct cli_command cli_commands[]; /* ended by a row without a name */

/* The settings struct of a command begins with this; its own rows follow. */
struct cli_settings {
    struct app_settings app;
    struct bridge_settings bridge; /* the one that is meant; with several and none named: the first */
    bool json;
    const char *bridge_name;      /* --bridge */
    struct bridge_config *config; /* owned: of ZAPKEEP_BRIDGES; NULL: one bridge */
    const struct setting *own;    /* the command's rows */
};
extern const struct setting cli_settings_table[]; /* --json, --bridge */

/*
 * Reads the settings of a command without booting an app, and which bridge is meant (which_bridge.h). @own may be NULL. Returns -1: go on; else the exit
 * code to return at once (help was printed, or the problem was).
 */
int cli_read(const struct cli_command *cmd, const struct setting *own, int argc, char *argv[], void *ret,
             struct settings_args *ret_args);
void cli_free(const struct setting *own, void *settings);
/* No bridge was named, and there are several: the command is about all of them. */
bool cli_is_about_all(const struct cli_settings *s);
/* Goes over to this one of them. Prints a problem itself. Returns -1: go on; else the exit code. */
int cli_take_bridge(struct cli_settings *s, const char *name);
/* The row of cli_commands whose run is this one (for help texts). */
const struct cli_command *cli_command_of(int (*run)(int argc, char *argv[]));

/* "zapkeep: <words>" on stderr, cleaned (clean.h): words of others may be in it. Returns @code. */
int cli_problem(enum exit_code code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Prints the body of an answer on stdout, lines kept and each cleaned. */
void cli_print_answer(const char *before, struct str body);
/* Words for a store or bridge that cannot be opened, with the remedy; returns EXIT_UNREACHABLE. */
int cli_store_problem(const char *dir, const char *file, int r);
bool cli_is_tty(void); /* stdout is a terminal */
