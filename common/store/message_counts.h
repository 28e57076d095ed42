/*
 * How many messages each session received, minute by minute, in state.db: one row per session and hour. The console
 * writes them from the event log, in one transaction a minute, with its position in the log.
 *
 * Every function runs inside the caller's transaction if there is one, else in its own.
 */
#pragma once

#include <stdint.h>

#include "common/base/text.h"
#include "common/store/db.h"

#define MESSAGE_COUNTS_MINUTES 60
#define MESSAGE_COUNTS_HOUR_MS (3600 * 1000LL)
/* Rows are kept so long. */
#define MESSAGE_COUNTS_KEEP_MS (90 * 24 * MESSAGE_COUNTS_HOUR_MS)

struct message_count {
    int64_t hour; /* wall ms of its begin, a multiple of MESSAGE_COUNTS_HOUR_MS */
    int64_t received, events;
    uint16_t minute[MESSAGE_COUNTS_MINUTES]; /* received; 65535 stands for more */
};

/* How far the event log is counted: not a cursor (cursors.h), so that a console which is gone holds back no retention. 0:
 * nothing is counted yet. */
int message_counts_position(struct db *db, int64_t *ret_seq);
int message_counts_set_position(struct db *db, int64_t seq);
/* Adds @add to the row of its hour. */
int message_counts_add(struct db *db, const char *bridge, const char *session,
                       const struct message_count *add);
/* Rows of hours from @since on, oldest first. */
int message_counts_each(struct db *db, const char *bridge, const char *session, int64_t since,
                        int (*on_row)(void *ctx, const struct message_count *row), void *ctx);
/* The hour below which rows have to go: those that are too old, and of the others so many hours, the oldest, that the rest has
 * at most @bytes_max. Reads all of them: for once an hour. */
int message_counts_limit(struct db *db, int64_t now_ms, int64_t bytes_max, int64_t *ret_below);
/* Removes at most @slice rows of hours below @below. *ret_n: how many went. */
int message_counts_prune(struct db *db, int64_t below, int slice, int64_t *ret_n);
