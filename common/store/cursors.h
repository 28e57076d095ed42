/*
 * Cursors of the consumers of the event log, in state.db: the newest seq each is done with. Retention in
 * events.db never passes a registered cursor unless the hard cap forces it.
 */
#pragma once

#include <stdint.h>

#include "common/store/db.h"

/* Saves inside the caller's transaction if there is one, else in its own: effects and cursor belong into one
 * transaction. */
int cursor_save(struct db *state, const char *consumer, int64_t seq, int64_t at_ms);
/* *ret_seq is 0 when the consumer is not registered. */
int cursor_find(struct db *state, const char *consumer, int64_t *ret_seq);
/* Smallest seq of all registered consumers; INT64_MAX when there are none. */
int cursor_min(struct db *state, int64_t *ret_seq);
/* Largest seq of all registered consumers: the log had so many events at least; 0: nothing was read yet. */
int cursor_max(struct db *state, int64_t *ret_seq);
int cursor_each(struct db *state,
                int (*on_cursor)(void *ctx, const char *consumer, int64_t seq, int64_t at_ms), void *ctx);
#define CURSOR_NONE 1 /* answer: no consumer of that name is registered */
int cursor_remove(struct db *state, const char *consumer);
