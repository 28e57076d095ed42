/*
 * Operator commands to the forwarder: rows of state.db, which the forwarder takes in the order of their numbers. It
 * writes the outcome into the row; the CLI reads that and removes the row. Every function runs inside the caller's
 * transaction if there is one, else in its own.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/store/forward.h"

enum forward_verb {
    FORWARD_DEAD_RETRY = 1,
    FORWARD_DEAD_DROP,
    FORWARD_ON,
    FORWARD_OFF,
    FORWARD_PAUSE,
    FORWARD_RESUME,
    FORWARD_RETRY, /* events that wait are tried now: of a destination, a session, or the event with seq filter.id */
    FORWARD_SKIP,  /* the event with seq filter.id, which waits, becomes a dead letter */
    FORWARD_TEST,  /* a test event goes to a destination */
    FORWARD_FORGET /* a destination that is not configured any more, with all that is known of it */
};
struct forward_command {
    int64_t n;
    enum forward_verb verb;
    struct forward_dead_filter filter; /* of verbs about a destination: its name */
};
/* *ret_n is its number. */
int forward_command_put(struct db *state, const struct forward_command *c, int64_t at_ms, int64_t *ret_n);
/* The oldest that is not done, with a number above @after_n. 0, FORWARD_NO_COMMAND, or negative; texts of @ret live in @texts. */
#define FORWARD_NO_COMMAND 1
int forward_command_first(struct db *state, int64_t after_n, struct forward_command *ret, struct buf *texts);
int forward_command_remove(struct db *state, int64_t n);

/* Its result: one line, in JSON where the verb has more to say. */
#define FORWARD_RESULT_MAX 2048
int forward_command_done(struct db *state, int64_t n, bool failed, const char *result, int64_t at_ms);
/*
 * It became these commands, which were put in the same transaction: one for each destination, when several forwarders deliver. Its result is
 * theirs as soon as each has one: it failed when all of them failed, and @ret has the texts of those that did not. At most
 * FORWARD_PARTS_MAX.
 */
#define FORWARD_PARTS_MAX 64
int forward_command_split(struct db *state, int64_t n, const int64_t *parts, int n_parts, int64_t at_ms);
/* Returns 0 (it is done), FORWARD_NO_COMMAND (not yet), or negative. @ret gets the result. */
int forward_command_result(struct db *state, int64_t n, bool *ret_failed, char ret[FORWARD_RESULT_MAX]);
/* Rows that were done before this time: nobody has come for them. */
int forward_command_prune(struct db *state, int64_t before_ms);
