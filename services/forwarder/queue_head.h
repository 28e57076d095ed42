/*
 * The first event of a queue that has none in memory: it is that of its retry row, or else its first blocked one, and it is
 * read from the log. An event that the log does not have any more is given up.
 */
#pragma once

#include "common/app/event_filter.h"
#include "services/forwarder/lost_events.h"
#include "services/forwarder/queue_memory.h"
#include "services/forwarder/queue_schedule.h"

struct queue_head {
    struct clock *clock; /* borrowed, as all up to lost */
    struct stores *stores;
    const struct destination_filter *filter;
    struct queue_rows *rows;
    struct queue_memory *memory;
    struct queue_schedule *schedule;
    const struct lost_events *lost;
    struct event_rows read; /* memory that is kept between reads */
};

/* Puts the first event of the ready queue @q into memory; the log was read up to @position. *ret_found is false when that
 * cannot be: then the queue is not ready any more, or another event of it is first. Returns 0 or -errno, which was given to
 * the group commit. */
int queue_head_load(struct queue_head *h, struct session_queue *q, int64_t position, bool *ret_found);
void queue_head_fini(struct queue_head *h);
