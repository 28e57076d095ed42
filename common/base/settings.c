/*
 * One pass over argv collects the flags; then each row takes its text from the first place that has one
 * (flag, file, environment, default), and settings_value.c makes a value of it.
 */
#include "common/base/settings.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/err.h"
#include "common/base/mem.h"
#include "common/base/settings_row.h"

/* ---- rows and their names -------------------------------------------------------------------- */

static void add_rows(const struct setting *table, size_t at, struct settings_rows *rows)
{
    for (const struct setting *row = table; row && (row->name || row->include); row++) {
        if (row->include)
            add_rows(row->include, at + row->at, rows);
        else if (rows->n < SETTINGS_ROWS_MAX) /* test_additions and every --help show a table that is cut */
            rows->row[rows->n++] = (struct settings_row){ row, at + row->at };
    }
}

void settings_flatten(const struct setting *table, struct settings_rows *ret)
{
    ret->n = 0;
    add_rows(table, 0, ret);
}

void settings_flag_of(const struct setting *row, char ret[SETTINGS_FLAG_MAX])
{
    const char *name = strncmp(row->name, "ZAPKEEP_", 8) == 0 ? row->name + 8 : row->name;
    size_t i = 0;

    for (; name[i] && i + 3 < SETTINGS_FLAG_MAX; i++)
        ret[i + 2] = name[i] == '_' ? '-' : (char)tolower((unsigned char)name[i]);
    ret[0] = ret[1] = '-';
    ret[i + 2] = '\0';
}

/* The row whose flag stands at the start of arg; *ret_value is the text after '=' or NULL. */
static const struct setting *row_of_flag(const struct settings_rows *rows, const char *arg,
                                         const char **ret_value)
{
    char flag[SETTINGS_FLAG_MAX];

    for (int i = 0; i < rows->n; i++) {
        size_t n;

        settings_flag_of(rows->row[i].row, flag);
        n = strlen(flag);
        if (strncmp(arg, flag, n) != 0 || (arg[n] != '\0' && arg[n] != '='))
            continue;
        *ret_value = arg[n] == '=' ? arg + n + 1 : NULL;
        return rows->row[i].row;
    }
    return NULL;
}

static const struct setting *row_of_name(const struct settings_rows *rows, const char *name)
{
    for (int i = 0; i < rows->n; i++) {
        if (strcmp(rows->row[i].row->name, name) == 0)
            return rows->row[i].row;
    }
    return NULL;
}

/* ---- where a row's text comes from ----------------------------------------------------------- */

/* The text a flag gives to the row, the last one wins; NULL: none does. A flag's value is no flag, even if it
 * looks like one. */
static const char *from_flags(const struct settings_rows *rows, const struct setting *row, int argc,
                              char *const argv[])
{
    const char *found = NULL;

    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        const char *value;
        const struct setting *given = row_of_flag(rows, argv[i], &value);

        if (!given)
            continue;
        if (!value)
            value = given->kind == SETTING_BOOL ? "true" : (i + 1 < argc ? argv[++i] : NULL);
        if (strcmp(given->name, row->name) == 0)
            found = value;
    }
    return found;
}

static const char *file_of(const struct setting *row)
{
    char name[SETTINGS_FLAG_MAX + 8];
    const char *path;

    if (!row->secret || row->flag_only)
        return NULL;
    (void)snprintf(name, sizeof name, "%s_FILE", row->name);
    path = getenv(name);
    return path && *path ? path : NULL;
}

static int bad_file(const struct setting *row, const char *path, const char *why, struct buf *problem)
{
    (void)buf_addf(problem, "%s_FILE is ", row->name);
    settings_add_quoted(problem, str_from(path));
    (void)buf_addf(problem, ", %s", why);
    return -EINVAL;
}

/* All of a small file. Returns 0, -EMSGSIZE, or -errno. */
static int read_file(const char *path, char ret[SETTINGS_VALUE_MAX])
{
    FILE *f = fopen(path, "re");
    size_t n = f ? fread(ret, 1, SETTINGS_VALUE_MAX, f) : 0;
    int r = !f ? -errno : ferror(f) ? -EIO : n == SETTINGS_VALUE_MAX ? -EMSGSIZE : 0;

    if (f)
        (void)fclose(f);
    ret[r == 0 ? n : 0] = '\0';
    return r;
}

static int from_file(const struct setting *row, const char *path, char ret[SETTINGS_VALUE_MAX],
                     struct buf *problem)
{
    char why[128];
    size_t line;
    int r = read_file(path, ret);

    if (r != 0) {
        (void)snprintf(why, sizeof why, "which cannot be read: %s",
                       r == -EMSGSIZE ? "too long for a secret" : err_text(r));
        return bad_file(row, path, why, problem);
    }
    line = strcspn(ret, "\r\n");
    if (ret[line + strspn(ret + line, "\r\n")] != '\0')
        return bad_file(row, path, "which has more than one line; a secret is one line", problem);
    ret[line] = '\0';
    if (ret[strspn(ret, " \t")] == '\0')
        return bad_file(row, path, "which is empty: write the secret into it, or do not set this", problem);
    return 0;
}

bool settings_given(const struct setting *table, const char *name, int argc, char *const argv[])
{
    struct settings_rows rows;
    const struct setting *row;
    const char *text;

    settings_flatten(table, &rows);
    row = row_of_name(&rows, name);
    if (!row)
        return false;
    text = from_flags(&rows, row, argc, argv);
    if (!text && file_of(row))
        return true;
    if (!text && !row->flag_only)
        text = getenv(row->name);
    return text && *text;
}

const char *settings_secret_in_flags(const struct setting *table, int argc, char *const argv[])
{
    struct settings_rows rows;

    settings_flatten(table, &rows);
    for (int i = 0; i < rows.n; i++) {
        const struct setting *row = rows.row[i].row;

        if (row->secret && from_flags(&rows, row, argc, argv))
            return row->name;
    }
    return NULL;
}

/* ---- one row --------------------------------------------------------------------------------- */

/* Of a flag that chooses: `--session "$ID"` with an ID that is not set would choose everything. */
static int is_empty(const struct setting *row, struct buf *problem)
{
    char flag[SETTINGS_FLAG_MAX];

    settings_flag_of(row, flag);
    (void)buf_addf(problem, "%s is empty: give it a value, or leave it out", flag);
    return -EINVAL;
}

static int read_row(const struct settings_rows *rows, const struct settings_row *at, int argc,
                    char *const argv[], struct buf *problem, void *settings)
{
    const struct setting *row = at->row;
    char from[SETTINGS_VALUE_MAX];
    const char *text = from_flags(rows, row, argc, argv);
    const char *path = text ? NULL : file_of(row);

    if (row->flag_only && text && !*text)
        return is_empty(row, problem);
    if (path) {
        if (from_file(row, path, from, problem) != 0)
            return -EINVAL;
        text = from;
    }
    if ((!text || !*text) && !row->flag_only && !path)
        text = getenv(row->name);
    if (!text || !*text)
        text = row->def ? row->def : "";
    if (strlen(text) >= SETTINGS_VALUE_MAX) {
        (void)buf_addf(problem, "%s is longer than %d characters", row->name, SETTINGS_VALUE_MAX - 1);
        return -EINVAL;
    }
    if (row->required && *text == '\0') {
        (void)buf_addf(problem, "%s is not set: %s", row->name, row->help);
        return -EINVAL;
    }
    return settings_store(row, text, (char *)settings + at->at, problem);
}

/* ---- all rows -------------------------------------------------------------------------------- */

static int add_arg(struct settings_args *args, const char *arg, struct buf *problem)
{
    if (args && args->n < SETTINGS_ARGS_MAX) {
        args->arg[args->n++] = arg;
        return 0;
    }
    settings_add_quoted(problem, str_from(arg));
    (void)buf_adds(problem, args ? " and what follows are too many arguments"
                                 : " is not understood here; --help shows what is");
    return -EINVAL;
}

/* Flags are known and have their values; the other arguments are collected. */
static int read_args(const struct settings_rows *rows, int argc, char *const argv[], struct buf *problem,
                     struct settings_args *args)
{
    bool flags = true;
    int r = 0;

    for (int i = 1; i < argc && r == 0; i++) {
        const char *arg = argv[i];
        const char *value;
        const struct setting *row;

        if (flags && strcmp(arg, "--") == 0) {
            flags = false;
        } else if (!flags || arg[0] != '-' || arg[1] == '\0') {
            r = add_arg(args, arg, problem);
        } else if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0) {
            return SETTINGS_HELP;
        } else if (strcmp(arg, "--version") == 0) {
            return SETTINGS_VERSION;
        } else if (!(row = row_of_flag(rows, arg, &value))) {
            (void)buf_adds(problem, "there is no flag ");
            settings_add_quoted(problem,
                                (struct str){ arg, strcspn(arg, "=") }); /* the value may be a secret */
            (void)buf_adds(problem, "; --help lists them");
            r = -EINVAL;
        } else if (!value && row->kind != SETTING_BOOL && ++i >= argc) {
            (void)buf_addf(problem, "%s needs a value: %s", arg, settings_shape(row->kind));
            r = -EINVAL;
        }
    }
    return r;
}

/* Texts are NULL until they are read, other fields as their table's initial value says. */
static void clear(const struct setting *table, const struct settings_rows *rows, char *settings)
{
    for (const struct setting *row = table; row->name || row->include; row++) {
        if (row->initial)
            memcpy(settings + row->at, row->initial, row->initial_bytes);
    }
    for (int i = 0; i < rows->n; i++) {
        if (settings_is_text(rows->row[i].row->kind))
            *(char **)(void *)(settings + rows->row[i].at) = NULL;
    }
}

int settings_read(const struct setting *table, int argc, char *const argv[], struct buf *problem, void *ret,
                  struct settings_args *ret_args)
{
    struct settings_rows rows;
    int r;

    if (ret_args)
        ret_args->n = 0;
    settings_flatten(table, &rows);
    r = read_args(&rows, argc, argv, problem, ret_args);
    if (r != 0)
        return r;
    clear(table, &rows, ret);
    for (int i = 0; i < rows.n && r == 0; i++)
        r = read_row(&rows, &rows.row[i], argc, argv, problem, ret);
    if (r != 0)
        settings_free(table, ret);
    return r;
}

void settings_free(const struct setting *table, void *settings)
{
    struct settings_rows rows;

    settings_flatten(table, &rows);
    for (int i = 0; i < rows.n; i++) {
        if (settings_is_text(rows.row[i].row->kind))
            mem_freep((char *)settings + rows.row[i].at);
    }
}

int settings_defaults(const struct setting *table, void *ret)
{
    CLEANUP(buf_fini) struct buf problem = BUF_INIT(SETTINGS_VALUE_MAX);
    struct settings_rows rows;
    int r = 0;

    settings_flatten(table, &rows);
    clear(table, &rows, ret);
    for (int i = 0; i < rows.n && r == 0; i++) {
        const struct setting *row = rows.row[i].row;

        r = settings_store(row, row->def ? row->def : "", (char *)ret + rows.row[i].at, &problem);
    }
    if (r != 0)
        settings_free(table, ret);
    return r;
}

/* ---- changing values that were read ---------------------------------------------------------- */

int settings_copy(const struct setting *table, const void *from, size_t bytes, void *ret)
{
    struct settings_rows rows;
    int r = 0;

    settings_flatten(table, &rows);
    memcpy(ret, from, bytes);
    for (int i = 0; i < rows.n; i++) {
        char **at = (char **)(void *)((char *)ret + rows.row[i].at);

        if (!settings_is_text(rows.row[i].row->kind))
            continue;
        *at = r == 0 && *at ? mem_strdup(*at) : NULL;
        r = r == 0 && !*at ? -ENOMEM : r;
    }
    if (r != 0)
        settings_free(table, ret);
    return r;
}

const struct setting *settings_find(const struct setting *table, const char *name)
{
    struct settings_rows rows;

    settings_flatten(table, &rows);
    return row_of_name(&rows, name);
}

int settings_set(const struct setting *table, const char *name, const char *shown, const char *value,
                 void *settings, struct buf *problem)
{
    struct settings_rows rows;

    settings_flatten(table, &rows);
    for (int i = 0; i < rows.n; i++) {
        struct setting row = *rows.row[i].row;
        char *field = (char *)settings + rows.row[i].at;
        char *old = NULL;
        int r;

        if (strcmp(row.name, name) != 0)
            continue;
        row.name = shown;
        if (settings_is_text(row.kind))
            old = *(char **)(void *)field;
        r = settings_store(&row, value, field, problem);
        if (r == 0)
            mem_free(old);
        return r;
    }
    return -ENOENT;
}
