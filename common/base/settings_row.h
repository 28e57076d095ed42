/*
 * The parts of settings.c, for settings.c, settings_value.c and settings_show.c only.
 */
#pragma once

#include "common/base/buf.h"
#include "common/base/setting.h"
#include "common/base/text.h"

/* Most rows of a program, those of the included tables counted. */
#define SETTINGS_ROWS_MAX 192
/* Longest flag with its NUL: "--" and the name. */
#define SETTINGS_FLAG_MAX 64

/* A row, and where its field is in the program's settings struct. */
struct settings_row {
    const struct setting *row;
    size_t at;
};
struct settings_rows {
    struct settings_row row[SETTINGS_ROWS_MAX];
    int n;
};
/* All rows, those of included tables in the place of the row that includes them. */
void settings_flatten(const struct setting *table, struct settings_rows *ret);

/* "--check-interval" of CHECK_INTERVAL. */
void settings_flag_of(const struct setting *row, char ret[SETTINGS_FLAG_MAX]);
/* Is the field a const char *? */
bool settings_is_text(enum setting_kind kind);
/* How a value of this kind looks: "a whole number". */
const char *settings_shape(enum setting_kind kind);
/* Quoted, always on one line, and cut. */
void settings_add_quoted(struct buf *out, struct str text);
/* Choice i of a SETTING_CHOICE row, STR_NULL past the last. */
struct str settings_choice(const struct setting *row, int i);
void settings_show_number(enum setting_kind kind, int64_t v, char *ret, size_t n);

/* Checks the text and puts its value into @field. Returns 0, -EINVAL with one line in @problem, or -ENOMEM. */
int settings_store(const struct setting *row, const char *text, void *field, struct buf *problem);
/* A number of a row of a number kind. -EINVAL, -ERANGE. */
int settings_parse_number(const struct setting *row, const char *text, int64_t *ret);
