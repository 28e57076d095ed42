/*
 * One pass over argv collects the flags; then each row takes its text from the first place that has one
 * (flag, file, environment, default), and one function per kind makes a value of it.
 */
#include "common/base/settings.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/err.h"
#include "common/base/json_out.h"
#include "common/base/mem.h"
#include "common/base/text.h"
#include "common/base/url.h"

/* Longest flag with its NUL: "--" and the name. */
#define FLAG_MAX 64
/* Of a text from outside this much is shown in the problem line. */
#define SHOWN_BYTES_MAX 200

/* Quoted, on one line whatever is in it, and cut. */
static void add_quoted(struct buf *problem, struct str text)
{
    struct json_out quoted = JSON_OUT(problem);

    json_text(&quoted, NULL, (struct str){ text.p, text.n < SHOWN_BYTES_MAX ? text.n : SHOWN_BYTES_MAX });
}

/* ---- names ----------------------------------------------------------------------------------- */

static void flag_of(const struct setting *row, char ret[FLAG_MAX])
{
    const char *name = strncmp(row->name, "ZAPKEEP_", 8) == 0 ? row->name + 8 : row->name;
    size_t i = 0;

    for (; name[i] && i + 3 < FLAG_MAX; i++)
        ret[i + 2] = name[i] == '_' ? '-' : (char)tolower((unsigned char)name[i]);
    ret[0] = ret[1] = '-';
    ret[i + 2] = '\0';
}

/* The row whose flag stands at the start of arg; *ret_value is what follows '=' or NULL. */
static const struct setting *row_of_flag(const struct setting *const *tables, const char *arg,
                                         const char **ret_value)
{
    char flag[FLAG_MAX];

    for (; *tables; tables++) {
        for (const struct setting *row = *tables; row->name; row++) {
            size_t n;

            flag_of(row, flag);
            n = strlen(flag);
            if (strncmp(arg, flag, n) != 0 || (arg[n] != '\0' && arg[n] != '='))
                continue;
            *ret_value = arg[n] == '=' ? arg + n + 1 : NULL;
            return row;
        }
    }
    return NULL;
}

/* ---- where a row's text comes from ----------------------------------------------------------- */

/* The text a flag gives to the row, the last one wins; NULL: none does. A flag's value is no flag, even if it
 * looks like one. */
static const char *from_flags(const struct setting *const *tables, const struct setting *row, int argc,
                              char *const argv[])
{
    const char *found = NULL;

    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        const char *value;
        const struct setting *given = row_of_flag(tables, argv[i], &value);

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
    char name[FLAG_MAX + 8];
    const char *path;

    if (!row->secret || row->flag_only)
        return NULL;
    (void)snprintf(name, sizeof name, "%s_FILE", row->name);
    path = getenv(name);
    return path && *path ? path : NULL;
}

static int from_file(const struct setting *row, const char *path, char ret[SETTINGS_VALUE_MAX],
                     struct buf *problem)
{
    FILE *f = fopen(path, "re");
    int r = f ? 0 : -errno;

    ret[0] = '\0';
    if (f && !fgets(ret, SETTINGS_VALUE_MAX, f) && ferror(f))
        r = -EIO;
    if (f)
        (void)fclose(f);
    if (r == 0 && strlen(ret) == SETTINGS_VALUE_MAX - 1)
        r = -EMSGSIZE;
    ret[strcspn(ret, "\r\n")] = '\0';
    if (r == 0)
        return 0;
    (void)buf_addf(problem, "%s_FILE is ", row->name);
    add_quoted(problem, str_from(path));
    (void)buf_addf(problem, ", which cannot be read: %s", err_text(r));
    return -EINVAL;
}

static const struct setting *row_of_name(const struct setting *const *tables, const char *name)
{
    for (; *tables; tables++) {
        for (const struct setting *row = *tables; row->name; row++) {
            if (strcmp(row->name, name) == 0)
                return row;
        }
    }
    return NULL;
}

bool settings_given(const struct setting *const *tables, const char *name, int argc, char *const argv[])
{
    const struct setting *row = row_of_name(tables, name);
    const char *text = row ? from_flags(tables, row, argc, argv) : NULL;

    if (!row)
        return false;
    if (!text && file_of(row))
        return true;
    if (!text && !row->flag_only)
        text = getenv(row->name);
    return text && *text;
}

/* ---- from text to value ---------------------------------------------------------------------- */

/* How a value of this kind looks, for the problem line. */
static const char *shape_of(enum setting_kind kind)
{
    static const char *const shapes[] = {
        [SETTING_TEXT] = "a text",
        [SETTING_INT] = "a whole number",
        [SETTING_DURATION] = "a duration as 500ms, 60s, 5m, 2h",
        [SETTING_BYTES] = "a size as 512, 64k, 10MiB, 10GiB",
        [SETTING_RATE] = "a rate as 2/s, 30/m",
        [SETTING_BOOL] = "true or false",
        [SETTING_CHOICE] = "one of the choices",
        [SETTING_URL] = "a URL as http://127.0.0.1:3000",
        [SETTING_LISTEN] = "an address as 127.0.0.1:8000, or \"off\"",
        [SETTING_ID] = "1 to 64 of A-Z a-z 0-9 _ -",
        [SETTING_BUS] = "an address of the bus as ipc:///run/zapkeep/bus.sock or tls+tcp://hub:5550",
    };

    return shapes[kind];
}

static void show_number(enum setting_kind kind, int64_t v, char *ret, size_t n)
{
    if (kind == SETTING_DURATION)
        (void)text_duration(v, ret, n);
    else if (kind == SETTING_BYTES)
        (void)text_bytes(v, ret, n);
    else if (kind == SETTING_RATE)
        (void)snprintf(ret, n, "%g/s", (double)v / 1000);
    else
        (void)snprintf(ret, n, "%lld", (long long)v);
}

static bool has_range(const struct setting *row)
{
    return row->min != 0 || row->max != 0;
}

static int complain(const struct setting *row, const char *text, struct buf *problem)
{
    char min[32], max[32];
    char flag[FLAG_MAX];

    flag_of(row, flag);
    (void)buf_addf(problem, "%s is ", row->flag_only ? flag : row->name);
    add_quoted(problem, row->secret ? STR_LIT("(secret)") : str_from(text));
    (void)buf_adds(problem, ", but must be ");
    if (row->kind == SETTING_CHOICE)
        (void)buf_addf(problem, "one of: %s", row->choices);
    else
        (void)buf_adds(problem, shape_of(row->kind));
    if (has_range(row)) {
        show_number(row->kind, row->min, min, sizeof min);
        show_number(row->kind, row->max, max, sizeof max);
        if (row->max == INT64_MAX)
            (void)buf_addf(problem, ", at least %s", min);
        else
            (void)buf_addf(problem, ", from %s to %s", min, max);
    }
    return -EINVAL;
}

static bool is_choice(const char *choices, const char *text)
{
    size_t n = strlen(text);

    for (const char *c = choices; *c; c += strcspn(c, " ") + (c[strcspn(c, " ")] == ' ')) {
        if (n > 0 && strcspn(c, " ") == n && strncmp(c, text, n) == 0)
            return true;
    }
    return false;
}

static int parse_number(const struct setting *row, const char *text, int64_t *ret)
{
    int r;

    if (row->kind == SETTING_DURATION)
        r = text_to_duration_ms(text, ret);
    else if (row->kind == SETTING_BYTES)
        r = text_to_bytes(text, ret);
    else if (row->kind == SETTING_RATE)
        r = text_to_rate_milli(text, ret);
    else
        r = text_to_i64(text, ret);
    if (r == 0 && has_range(row) && (*ret < row->min || *ret > row->max))
        r = -ERANGE;
    return r;
}

static bool text_is_right(const struct setting *row, const char *text)
{
    char host[64];
    uint16_t port;
    struct url url;

    if (*text == '\0')
        return true;
    if (row->kind == SETTING_CHOICE)
        return is_choice(row->choices, text);
    if (row->kind == SETTING_URL)
        return url_parse(text, &url) == 0;
    if (row->kind == SETTING_ID)
        return text_is_id(str_from(text));
    if (row->kind == SETTING_BUS)
        return url_is_bus(text);
    if (row->kind == SETTING_LISTEN)
        return strcmp(text, "off") == 0 || url_parse_listen(text, host, sizeof host, &port) == 0;
    return true;
}

static int store(const struct setting *row, const char *text, void *settings, struct buf *problem)
{
    void *field = (char *)settings + row->at;
    int64_t number = 0;
    bool flag = false;
    char *copy;

    switch (row->kind) {
    case SETTING_BOOL:
        if (*text && text_to_bool(text, &flag) != 0)
            return complain(row, text, problem);
        *(bool *)field = flag;
        return 0;
    case SETTING_INT:
    case SETTING_DURATION:
    case SETTING_BYTES:
    case SETTING_RATE:
        if (*text && parse_number(row, text, &number) != 0)
            return complain(row, text, problem);
        *(int64_t *)field = number;
        return 0;
    default:
        if (!text_is_right(row, text))
            return complain(row, text, problem);
        copy = mem_strdup(text);
        if (!copy)
            return -ENOMEM;
        *(char **)field = copy;
        return 0;
    }
}

static bool is_text(const struct setting *row)
{
    return row->kind == SETTING_TEXT || row->kind == SETTING_CHOICE || row->kind == SETTING_URL ||
           row->kind == SETTING_LISTEN || row->kind == SETTING_ID || row->kind == SETTING_BUS;
}

static int read_row(const struct setting *const *tables, const struct setting *row, int argc,
                    char *const argv[], struct buf *problem, void *settings)
{
    char from[SETTINGS_VALUE_MAX];
    const char *text = from_flags(tables, row, argc, argv);
    const char *path = text ? NULL : file_of(row);

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
    return store(row, text, settings, problem);
}

/* ---- all rows -------------------------------------------------------------------------------- */

static int add_arg(struct settings_args *args, const char *arg, struct buf *problem)
{
    if (args && args->n < SETTINGS_ARGS_MAX) {
        args->arg[args->n++] = arg;
        return 0;
    }
    add_quoted(problem, str_from(arg));
    (void)buf_adds(problem, args ? " and what follows are too many arguments"
                                 : " is not understood here; --help shows what is");
    return -EINVAL;
}

/* Flags are known and have their values; the other arguments are collected. */
static int read_args(const struct setting *const *tables, int argc, char *const argv[], struct buf *problem,
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
        } else if (!(row = row_of_flag(tables, arg, &value))) {
            (void)buf_adds(problem, "there is no flag ");
            add_quoted(problem, (struct str){ arg, strcspn(arg, "=") }); /* the value may be a secret */
            (void)buf_adds(problem, "; --help lists them");
            r = -EINVAL;
        } else if (!value && row->kind != SETTING_BOOL && ++i >= argc) {
            (void)buf_addf(problem, "%s needs a value: %s", arg, shape_of(row->kind));
            r = -EINVAL;
        }
    }
    return r;
}

static void clear(const struct setting *const *tables, void *settings)
{
    for (; *tables; tables++) {
        for (const struct setting *row = *tables; row->name; row++) {
            if (is_text(row))
                *(char **)((char *)settings + row->at) = NULL;
        }
    }
}

int settings_read(const struct setting *const *tables, int argc, char *const argv[], struct buf *problem,
                  void *ret, struct settings_args *ret_args)
{
    int r;

    if (ret_args)
        ret_args->n = 0;
    r = read_args(tables, argc, argv, problem, ret_args);
    if (r != 0)
        return r;
    clear(tables, ret);
    for (const struct setting *const *t = tables; *t && r == 0; t++) {
        for (const struct setting *row = *t; row->name && r == 0; row++)
            r = read_row(tables, row, argc, argv, problem, ret);
    }
    if (r != 0)
        settings_free(tables, ret);
    return r;
}

void settings_free(const struct setting *const *tables, void *settings)
{
    for (; *tables; tables++) {
        for (const struct setting *row = *tables; row->name; row++) {
            if (is_text(row))
                mem_freep((char *)settings + row->at);
        }
    }
}

void settings_help(const struct setting *const *tables, struct buf *out)
{
    char flag[FLAG_MAX];

    (void)buf_adds(out, "Settings, by flag or environment variable:\n");
    for (; *tables; tables++) {
        for (const struct setting *row = *tables; row->name; row++) {
            flag_of(row, flag);
            (void)buf_addf(out, "  %-26s %-26s %s", flag, row->flag_only ? "" : row->name, row->help);
            if (row->choices)
                (void)buf_addf(out, " (%s)", row->choices);
            if (row->def && *row->def && row->kind != SETTING_BOOL)
                (void)buf_addf(out, " [%s]", row->def);
            (void)buf_adds(out, row->required ? " (required)\n" : "\n");
        }
    }
    (void)buf_adds(
        out, "Durations take ms, s, m, h, d. A secret NAME may also be in the file that NAME_FILE names.\n");
}

static void dump_row(const struct setting *row, const void *field, struct buf *out)
{
    char text[48];

    (void)buf_addf(out, "%s=", row->name);
    if (row->secret)
        (void)buf_adds(out, **(const char *const *)field ? "(set)" : "(not set)");
    else if (is_text(row))
        (void)buf_adds(out, *(const char *const *)field);
    else if (row->kind == SETTING_BOOL)
        (void)buf_adds(out, *(const bool *)field ? "true" : "false");
    else {
        show_number(row->kind, *(const int64_t *)field, text, sizeof text);
        (void)buf_adds(out, text);
    }
    (void)buf_adds(out, "\n");
}

void settings_dump(const struct setting *const *tables, const void *settings, struct buf *out)
{
    for (; *tables; tables++) {
        for (const struct setting *row = *tables; row->name; row++)
            dump_row(row, (const char *)settings + row->at, out);
    }
}
