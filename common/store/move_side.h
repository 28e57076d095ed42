/*
 * One side of a move (move.h), as an engine gives it: all rows of a table in the order of its key, or a new store that is
 * filled. For move.c and the engines alone.
 *
 * A target is marked unfinished from the engine's move_open() until finish(): every program refuses it meanwhile (-EINPROGRESS),
 * and the next move into it starts anew.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/text.h"

struct clock;
struct move_side;
struct move_table; /* move_tables.h */

struct move_value {
    bool is_null;
    int64_t number;  /* MOVE_INT */
    struct str text; /* MOVE_TEXT, MOVE_BLOB; until the next call of the side that gave it */
};

struct move_side_engine {
    /* ---- both ---- */
    int (*count)(struct move_side *s, const struct move_table *t, int64_t *ret);
    /* From the first row on; a read that was not read to its end is given up. */
    int (*read)(struct move_side *s, const struct move_table *t);
    int (*next)(struct move_side *s, struct move_value *ret); /* SQL_ROW, 0 or -errno */
    /* The highest id that the table has given, also to rows that are gone. */
    int (*highest_id)(struct move_side *s, const struct move_table *t, int64_t *ret);
    int (*steady)(struct move_side *s, struct clock *clock, int64_t *ret_ms);

    /* ---- a target ---- */
    /* @row: as it is kept; a text that the engine cannot hold is changed in it. */
    int (*put)(struct move_side *s, const struct move_table *t, struct move_value *row);
    int (*put_end)(struct move_side *s, const struct move_table *t); /* all rows of the table were put */
    int (*set_highest_id)(struct move_side *s, const struct move_table *t, int64_t id);
    /* Steady time goes on from here. */
    int (*set_steady)(struct move_side *s, struct clock *clock, int64_t steady_ms);
    /* All was put, and is to be read back: on the disk, without the writing connections. */
    int (*reopen)(struct move_side *s);
    /* It was verified: a store like any other from now on. */
    int (*finish)(struct move_side *s);

    const char *(*error)(const struct move_side *s);
    void (*close)(struct move_side *s); /* a target that is not finished stays marked */
};

/* A side of an engine begins with this. */
struct move_side {
    const struct move_side_engine *engine;
};

enum move_role {
    MOVE_SOURCE,
    MOVE_TRIAL,  /* a target, looked at and left as it is: for a dry run */
    MOVE_TARGET, /* made, and marked */
};

/* Answers of an engine's open: why the move cannot begin, besides the negatives of db_open_state(). */
#define MOVE_IN_USE    1 /* programs work on it */
#define MOVE_NOT_EMPTY 2 /* a target with rows */
