/* From a setting's text to its value, one function per kind; an error is one line of text. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/json_out.h"
#include "common/base/mem.h"
#include "common/base/settings_row.h"
#include "common/base/text.h"
#include "common/base/url.h"

/* Of a text from outside this much is shown in the problem line. */
#define SHOWN_BYTES_MAX 200

void settings_add_quoted(struct buf *out, struct str text)
{
    struct json_out quoted = JSON_OUT(out);

    json_text(&quoted, NULL, (struct str){ text.p, text.n < SHOWN_BYTES_MAX ? text.n : SHOWN_BYTES_MAX });
}

bool settings_is_text(enum setting_kind kind)
{
    return kind == SETTING_TEXT || kind == SETTING_CHOICE || kind == SETTING_URL || kind == SETTING_LISTEN ||
           kind == SETTING_ID || kind == SETTING_BUS;
}

/* How a value of this kind looks, for the problem line. */
const char *settings_shape(enum setting_kind kind)
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

void settings_show_number(enum setting_kind kind, int64_t v, char *ret, size_t n)
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

struct str settings_choice(const struct setting *row, int i)
{
    const char *c = row->choices;

    if (row->choice)
        return str_from(row->choice(i));
    while (c && i-- > 0) {
        c += strcspn(c, " ");
        c = *c ? c + 1 : NULL;
    }
    return c ? (struct str){ c, strcspn(c, " ") } : STR_NULL;
}

static void add_choices(const struct setting *row, struct buf *problem)
{
    (void)buf_adds(problem, "one of:");
    for (int i = 0; settings_choice(row, i).p; i++)
        (void)buf_addf(problem, " %.*s", (int)settings_choice(row, i).n, settings_choice(row, i).p);
}

static int complain(const struct setting *row, const char *text, struct buf *problem)
{
    char min[32], max[32];
    char flag[SETTINGS_FLAG_MAX];

    settings_flag_of(row, flag);
    (void)buf_addf(problem, "%s is ", row->flag_only ? flag : row->name);
    settings_add_quoted(problem, row->secret ? STR_LIT("(secret)") : str_from(text));
    (void)buf_adds(problem, ", but must be ");
    if (row->kind == SETTING_CHOICE)
        add_choices(row, problem);
    else
        (void)buf_adds(problem, settings_shape(row->kind));
    if (has_range(row)) {
        settings_show_number(row->kind, row->min, min, sizeof min);
        settings_show_number(row->kind, row->max, max, sizeof max);
        if (row->max == INT64_MAX)
            (void)buf_addf(problem, ", at least %s", min);
        else
            (void)buf_addf(problem, ", from %s to %s", min, max);
    }
    return -EINVAL;
}

static bool is_choice(const struct setting *row, const char *text)
{
    for (int i = 0; settings_choice(row, i).p; i++) {
        if (str_eq(settings_choice(row, i), text))
            return true;
    }
    return false;
}

int settings_parse_number(const struct setting *row, const char *text, int64_t *ret)
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
        return is_choice(row, text);
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

/* The run of blanks at c stands beside a comma between two secrets. */
static bool is_beside_comma(const char *text, const char *c)
{
    const char *end = c + strspn(c, " \t");

    while (c > text && (c[-1] == ' ' || c[-1] == '\t'))
        c--;
    return *end == ',' || (c > text && c[-1] == ',');
}

/* A key with such a byte in it was cut out or pasted wrongly, and breaks the header that it is sent in. */
static int check_secret(const struct setting *row, const char *text, struct buf *problem)
{
    for (const char *c = text; *c; c++) {
        bool blank = *c == ' ' || *c == '\t';

        if (blank ? is_beside_comma(text, c) : (unsigned char)*c > ' ' && *c != 0x7f)
            continue;
        (void)buf_addf(problem, "%s has a %s in it; a secret is one word, without quotes around it",
                       row->name, blank ? "blank" : "line break or a control character");
        return -EINVAL;
    }
    return 0;
}

int settings_store(const struct setting *row, const char *text, void *field, struct buf *problem)
{
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
        if (*text && settings_parse_number(row, text, &number) != 0)
            return complain(row, text, problem);
        *(int64_t *)field = number;
        return 0;
    default:
        if (row->secret && check_secret(row, text, problem) != 0)
            return -EINVAL;
        if (!text_is_right(row, text))
            return complain(row, text, problem);
        copy = mem_strdup(text);
        if (!copy)
            return -ENOMEM;
        *(char **)field = copy;
        return 0;
    }
}
