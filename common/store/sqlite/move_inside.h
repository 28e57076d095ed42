/* The inside of a folder as a side of a move, for the files move*.c of this folder alone. */
#pragma once

#include "common/base/buf.h"
#include "common/store/db.h"
#include "common/store/move_side.h"
#include "common/store/move_tables.h"
#include "common/store/sql.h"
#include "common/store/sqlite/folder_use.h"

#define MOVE_PATH_BYTES 4200

struct acks;

struct sqlite_side {
    struct move_side side; /* first */
    char dir[MOVE_PATH_BYTES];
    struct folder_use use;
    struct db *db[MOVE_PART_N]; /* NULL: there is no such file (a source without a forwarder) */
    struct sql *reading, *putting;
    const struct move_table *table; /* of reading */
    struct acks *acks;
    struct buf done; /* a destination's bits with its acknowledgements */
    char error[256];
};

static inline struct sqlite_side *sqlite_side_of(const struct move_side *s)
{
    return (struct sqlite_side *)s;
}

/* Keeps the text of a failure of @db. Returns @r. */
int sqlite_side_failed(struct sqlite_side *s, struct db *db, int r);
void sqlite_side_end_statement(struct sql **q);

/* move_acks.c */

/* A source's forward.acks, when there is one. */
int sqlite_side_open_acks(struct sqlite_side *s);
/* The row of a destination with the acknowledgements that forward.db does not hold yet. */
int sqlite_side_fold_acks(struct sqlite_side *s, const struct move_table *t, struct move_value *row);

/* move_files.c */

/* Opens the files that @role needs, marks a target. Returns as sqlite_move_open(). */
int sqlite_side_open(struct sqlite_side *s, enum move_role role);
int sqlite_side_reopen(struct move_side *side);
int sqlite_side_finish(struct move_side *side);
void sqlite_side_close_files(struct sqlite_side *s);
