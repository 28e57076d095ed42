/*
 * Settings are a table. One row makes the environment name, the flag, the --help line, the check and the
 * redacted dump at start.
 *
 * A row NAME is read from the flag --name-in-lower-case-with-dashes (ZAPKEEP_ and a leading dash dropped:
 * ZAPKEEP_DATA_DIR is --data-dir, CHECK_INTERVAL is --check-interval), as `--x v` or `--x=v`; else from the
 * file named by NAME_FILE in the environment (rows with .secret: first line, trailing newline dropped); else
 * from NAME in the environment; else the default. A flag wins over the environment. An empty value counts as
 * not set.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"

enum setting_kind {
    SETTING_TEXT,     /* const char *, "" when unset and no default */
    SETTING_INT,      /* int64_t */
    SETTING_DURATION, /* int64_t, ms */
    SETTING_BYTES,    /* int64_t */
    SETTING_RATE,     /* int64_t, thousandths per second */
    SETTING_BOOL,     /* bool: true/false, yes/no, on/off, 1/0 */
    SETTING_CHOICE,   /* const char *, one of .choices */
    SETTING_URL,      /* const char *, http(s) URL or "" */
    SETTING_LISTEN,   /* const char *, host:port, or "off" */
    SETTING_ID,       /* const char *, text_is_id() */
    SETTING_BUS,      /* const char *, url_is_bus() */
};

struct setting {
    const char *name; /* environment name */
    enum setting_kind kind;
    size_t at;           /* offsetof the field in the program's settings struct */
    const char *def;     /* as text, NULL: unset */
    int64_t min, max;    /* for numbers, in the kind's unit; both 0: not checked */
    const char *choices; /* "a b c" */
    bool secret;         /* shown as "(set)"; may come from NAME_FILE */
    bool required;
    bool flag_only;   /* read from the flag alone (options of a command) */
    const char *help; /* one line, says the unit and what it is for */
};

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
 * Reads all rows into the struct at @ret. @tables is a NULL-terminated list of tables, each ended by a row
 * with name NULL. @argv may be NULL. Text values are copied and live until settings_free(tables, ret).
 * Arguments that are not flags may stand anywhere; they are collected in @ret_args, and with NULL they are a
 * problem.
 * "--" ends the flags. A bool flag needs no value ("--json").
 *
 * Returns 0, SETTINGS_HELP, SETTINGS_VERSION, or -EINVAL with one line in @problem that names the setting,
 * the value (not of a secret) and what is allowed; -ENOMEM.
 */
int settings_read(const struct setting *const *tables, int argc, char *const argv[], struct buf *problem,
                  void *ret, struct settings_args *ret_args);
void settings_free(const struct setting *const *tables, void *settings);

/* Appends the table for --help. */
void settings_help(const struct setting *const *tables, struct buf *out);
/* Appends "NAME=value" lines, secrets as "(set)" or "(not set)". */
void settings_dump(const struct setting *const *tables, const void *settings, struct buf *out);
/* True when the row of this name was given by flag, file or environment, not by its default. */
bool settings_given(const struct setting *const *tables, const char *name, int argc, char *const argv[]);
