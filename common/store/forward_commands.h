/*
 * Operator commands to the forwarder: rows of state.db, which the forwarder takes in the order of their
 * numbers and
 * removes. Every function runs inside the caller's transaction if there is one, else in its own.
 */
#pragma once

#include <stdint.h>

#include "common/store/forward.h"

enum forward_verb { FORWARD_DEAD_RETRY = 1, FORWARD_DEAD_DROP, FORWARD_ON, FORWARD_OFF };
struct forward_command {
    int64_t n;
    enum forward_verb verb;
    struct forward_dead_filter filter; /* FORWARD_ON, _OFF: its destination */
};
int forward_command_put(struct db *state, const struct forward_command *c, int64_t at_ms);
/* The oldest. 0, FORWARD_NO_COMMAND, or negative; texts of @ret live in @texts. */
#define FORWARD_NO_COMMAND 1
int forward_command_first(struct db *state, struct forward_command *ret, struct buf *texts);
int forward_command_remove(struct db *state, int64_t n);
