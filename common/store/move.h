/*
 * Moving a store from one engine to the other, or to another place: all rows of all tables, with the seqs, the ids, the
 * cursors, and steady time, which goes on.
 *
 * All or nothing: the source is only read. The target is marked unfinished before the first row and until all rows were
 * read back from it and found equal; programs refuse it meanwhile. A move that was interrupted is begun anew by the next.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct clock;

enum store_move_answer {
    STORE_MOVE_FROM_IN_USE = 1, /* programs work on it: stop them first */
    STORE_MOVE_TO_IN_USE = 2,
    STORE_MOVE_TO_NOT_EMPTY = 3,
    STORE_MOVE_DIFFERS = 4, /* the rows that were read back are others; the target stays marked */
};

struct store_move_options {
    const char *from, *to; /* as in store.h */
    struct clock *clock;
    bool dry_run; /* checks both sides and counts */
    /* May be NULL. @done of @total rows were written or read back. */
    void (*on_progress)(void *ctx, const char *table, int64_t done, int64_t total);
    /* May be NULL. A table, "state.session", is done: @rows, which have this checksum on both sides (0 in a dry run). */
    void (*on_table)(void *ctx, const char *table, int64_t rows, uint64_t checksum);
    void *ctx;
};

struct store_move_result {
    int64_t rows, tables;
    int64_t cleaned;             /* rows with a text that PostgreSQL cannot hold: bytes of it are '?' now */
    int64_t first_seq, last_seq; /* of the log; 0: it is empty */
    bool at_target;              /* a negative return is of the target, and not of the source */
    char detail[512];            /* the difference, the program at work, or the error of that side; or "" */
};

/* Returns 0, an answer, or a negative of db_open_state() (-EINPROGRESS: the source is the target of another move). */
int store_move(const struct store_move_options *o, struct store_move_result *ret);
