/*
 * Settings are a table. One row makes the environment name, the flag, the --help line, the check and the
 * redacted dump at start.
 *
 * A row NAME is read from the flag --name-in-lower-case-with-dashes (ZAPKEEP_ and a leading dash dropped:
 * ZAPKEEP_DATA_DIR is --data-dir, CHECK_INTERVAL is --check-interval), as `--x v` or `--x=v`; else from the
 * file named by NAME_FILE in the environment (rows with .secret: its one line, without the line break); else
 * from NAME in the environment; else the default. A flag wins over the environment. An empty value counts as
 * not set, but an empty file of a secret is an error: an operator who names a file wants a secret. A secret with a blank, a
 * line break or a control character in it is an error too.
 *
 * A table may include another one, whose rows fill a struct inside the program's struct:
 *
 *   static const struct setting monitor_table[] = {
 *       SETTINGS_OF(app_settings_table, struct monitor_settings, app),
 *       { .name = "CHECK_INTERVAL", .kind = SETTING_DURATION, .at = …, … },
 *       { 0 },
 *   };
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/setting.h"

/* Longest value that is taken, and longest problem text. */
#define SETTINGS_VALUE_MAX 4096

enum settings_answer {
    SETTINGS_HELP = 1,    /* --help was asked: print settings_help() and exit 0 */
    SETTINGS_VERSION = 2, /* --version was asked */
};

/* Arguments that are not flags, in order; they point into argv. */
#define SETTINGS_ARGS_MAX 32
struct settings_args {
    const char *arg[SETTINGS_ARGS_MAX];
    int n;
};

/*
 * Reads all rows into the struct at @ret. @table is ended by a row without name and include. @argv may be NULL.
 * Text values are copied and live until settings_free(table, ret). Arguments that are not flags may stand
 * anywhere; they are collected in @ret_args, and with NULL they are a problem. "--" ends the flags. A bool flag
 * needs no value ("--json").
 *
 * Returns 0, SETTINGS_HELP, SETTINGS_VERSION, or -EINVAL with one line in @problem that names the setting,
 * the value (not of a secret) and the allowed values; -ENOMEM.
 */
int settings_read(const struct setting *table, int argc, char *const argv[], struct buf *problem, void *ret,
                  struct settings_args *ret_args);
void settings_free(const struct setting *table, void *settings);
/* The defaults alone: no flag, no environment. Returns 0 or -ENOMEM. */
int settings_defaults(const struct setting *table, void *ret);
/* Copies @bytes of a program's settings, with texts of its own: free it by settings_free(). Returns 0 or -ENOMEM. */
int settings_copy(const struct setting *table, const void *from, size_t bytes, void *ret);
/* The row of this name, NULL: none. */
const struct setting *settings_find(const struct setting *table, const char *name);
/* Sets the row of this name in settings that were read or copied; @shown is its name in @problem. Returns 0, -ENOENT (no
 * such row), -EINVAL with one line in @problem, or -ENOMEM. */
int settings_set(const struct setting *table, const char *name, const char *shown, const char *value,
                 void *settings, struct buf *problem);

/* Appends the table for --help. */
void settings_help(const struct setting *table, struct buf *out);
/* Calls fn for each row that was read from the environment too, with its value as text: secrets as "(set)" or "",
 * URLs by url_display(). */
void settings_each(const struct setting *table, const void *settings,
                   void (*fn)(void *ctx, const char *name, const char *value, bool is_default), void *ctx);
/* True when the row of this name was given by flag, file or environment, not by its default. */
bool settings_given(const struct setting *table, const char *name, int argc, char *const argv[]);
/* The name of the first secret that a flag gives, or NULL: every user of the machine reads it in the process list. */
const char *settings_secret_in_flags(const struct setting *table, int argc, char *const argv[]);
