/* One row of a settings table: settings.h says how it is read. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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
    size_t at;                    /* offsetof the field in the program's settings struct */
    const char *def;              /* as text, NULL: unset */
    int64_t min, max;             /* for numbers, in the kind's unit; both 0: not checked */
    const char *choices;          /* "a b c" */
    const char *(*choice)(int i); /* instead of choices: choice i, NULL past the last */
    bool secret;                  /* shown as "(set)"; may come from NAME_FILE */
    bool required;
    bool flag_only;   /* read from the flag alone (options of a command) */
    const char *help; /* one line, says the unit and the purpose */
    /* A row that includes a table has no name, but these: its rows' .at count from this row's .at. */
    const struct setting *include;
    const void *initial; /* copied to .at before the rows are read, for fields without a row; or NULL */
    size_t initial_bytes;
};
#define SETTINGS_OF(table_, type_, member_)                 \
    {                                                       \
        .include = (table_), .at = offsetof(type_, member_) \
    }
