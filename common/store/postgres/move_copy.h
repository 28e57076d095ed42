/* Rows of a whole table, in and out, in PostgreSQL's binary format: no value is turned into text on the way. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/store/move_side.h"
#include "common/store/move_tables.h"
#include "common/store/postgres/connection.h"

/* A statement over a whole table: sorting ten million rows, an index. */
#define MOVE_ANSWER_MS 1800000

struct move_reader {
    struct pg_db *d; /* inside a transaction */
    const struct move_table *table;
    PGresult *rows; /* NULL: none are fetched */
    int at;
    bool open;
};
int move_read_begin(struct move_reader *r, const struct move_table *t);
int move_read_next(struct move_reader *r, struct move_value *ret); /* SQL_ROW, 0 or -errno */
void move_read_end(struct move_reader *r);

struct move_writer {
    struct pg_db *d;
    const struct move_table *table; /* NULL: none is open */
    struct buf rows;                /* not sent yet */
    struct buf clean;               /* the row's texts, as far as they were changed */
    int n;
    bool is_text[MOVE_COLUMNS_MAX];
    int64_t partition; /* the newest that was made, -1: none */
};
/* The row goes to the server with others. A text that PostgreSQL cannot hold is changed in @row. */
int move_write_put(struct move_writer *w, const struct move_table *t, struct move_value *row);
int move_write_end(struct move_writer *w);

/* "zapkeep_state.session" */
#define MOVE_PATH_MAX (2 * MOVE_NAME_MAX)
void move_path(const struct move_table *t, char ret[MOVE_PATH_MAX]);
/* Runs @sql, for as long as it takes; the first value of its first row, 0 when there is none. @ret may be NULL. */
int move_run(struct pg_db *d, const char *sql, int64_t *ret);
