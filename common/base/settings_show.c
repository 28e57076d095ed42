/* Settings as texts: --help, and the values at a program's start. */
#include <stdio.h>
#include <string.h>

#include "common/base/settings.h"
#include "common/base/settings_row.h"
#include "common/base/text.h"
#include "common/base/url.h"

static void add_help(const struct setting *row, struct buf *out)
{
    char flag[SETTINGS_FLAG_MAX];

    settings_flag_of(row, flag);
    (void)buf_addf(out, "  %-26s %-26s %s", flag, row->flag_only ? "" : row->name, row->help);
    for (int i = 0; settings_choice(row, i).p; i++)
        (void)buf_addf(out, "%s%.*s", i == 0 ? " (" : " ", (int)settings_choice(row, i).n,
                       settings_choice(row, i).p);
    if (settings_choice(row, 0).p)
        (void)buf_adds(out, ")");
    if (row->def && *row->def && row->kind != SETTING_BOOL)
        (void)buf_addf(out, " [%s]", row->def);
    (void)buf_adds(out, row->required ? " (required)\n" : "\n");
}

void settings_help(const struct setting *table, struct buf *out)
{
    struct settings_rows rows;

    settings_flatten(table, &rows);
    (void)buf_adds(out, "Settings, by flag or environment variable:\n");
    for (int i = 0; i < rows.n; i++)
        add_help(rows.row[i].row, out);
    (void)buf_adds(
        out, "Durations take ms, s, m, h, d. A secret NAME may also be in the file that NAME_FILE names.\n");
}

/* The default as a number of the row's kind; 0 without one. */
static int64_t default_number(const struct setting *row)
{
    int64_t number = 0;

    if (row->def)
        (void)settings_parse_number(row, row->def, &number);
    return number;
}

static bool show_text(const struct setting *row, const char *value, char *ret, size_t n)
{
    if (row->secret)
        (void)snprintf(ret, n, "%s", *value ? "(set)" : "");
    else if (row->kind == SETTING_URL)
        (void)url_display(value, ret, n);
    else
        (void)snprintf(ret, n, "%s", value);
    return strcmp(value, row->def ? row->def : "") == 0;
}

static bool show_bool(const struct setting *row, bool value, char *ret, size_t n)
{
    bool by_default = false;

    if (row->def)
        (void)text_to_bool(row->def, &by_default);
    (void)snprintf(ret, n, "%s", value ? "true" : "false");
    return value == by_default;
}

/* Returns whether it is the default. */
static bool show_value(const struct setting *row, const void *field, char *ret, size_t n)
{
    if (settings_is_text(row->kind))
        return show_text(row, *(const char *const *)field, ret, n);
    if (row->kind == SETTING_BOOL)
        return show_bool(row, *(const bool *)field, ret, n);
    settings_show_number(row->kind, *(const int64_t *)field, ret, n);
    return *(const int64_t *)field == default_number(row);
}

void settings_each(const struct setting *table, const void *settings,
                   void (*fn)(void *ctx, const char *name, const char *value, bool is_default), void *ctx)
{
    struct settings_rows rows;
    char text[SETTINGS_VALUE_MAX];

    settings_flatten(table, &rows);
    for (int i = 0; i < rows.n; i++) {
        const struct setting *row = rows.row[i].row;
        bool is_default = show_value(row, (const char *)settings + rows.row[i].at, text, sizeof text);

        if (!row->flag_only)
            fn(ctx, row->name, text, is_default);
    }
}
