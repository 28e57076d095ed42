/*
 * The tables of a store, with their columns, as a move from one engine to the other needs them: read from the tables that
 * SQLite would make, so that a new table or column is moved without a line here. Both engines have the same names
 * (test_engines holds them to that).
 */
#pragma once

#include <stdbool.h>

enum move_part { MOVE_STATE, MOVE_EVENTS, MOVE_FORWARD, MOVE_PART_N };
/* "state", "events", "forward" */
const char *move_part_name(enum move_part part);

enum move_kind { MOVE_INT, MOVE_TEXT, MOVE_BLOB };

#define MOVE_NAME_MAX    40
#define MOVE_COLUMNS_MAX 64
#define MOVE_KEYS_MAX    4

struct move_column {
    char name[MOVE_NAME_MAX];
    enum move_kind kind;
};

struct move_table {
    enum move_part part;
    char name[MOVE_NAME_MAX];
    struct move_column column[MOVE_COLUMNS_MAX];
    int n_columns;
    int key[MOVE_KEYS_MAX]; /* columns of the primary key, in its order: rows are read in it */
    int n_keys;
    bool gives_ids; /* the key is a number that the table gives, and never gives again */
};

bool move_table_is_log(const struct move_table *t); /* its rows are the events */
struct buf;
/* Adds its columns to a statement: "n", "at". Errors stick in @sql. */
void move_table_columns(const struct move_table *t, struct buf *sql);

/* All tables besides those of an engine's own (its clock, its roles). Free with mem_free(). Returns 0 or -errno. */
int move_tables_load(struct move_table **ret, int *ret_n);
