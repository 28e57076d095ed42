/*
 * The events of one destination that are in memory: counted, and moved into rows when there is no room for them or the floor
 * of the log has to move on.
 */
#pragma once

#include "services/forwarder/done_events.h"
#include "services/forwarder/queue_rows.h"

/* Events in memory per destination: reading stops above and goes on below half of it. 256 of a read, of 4 MiB
 * at most, may come on top. */
#define QUEUE_MEMORY_EVENTS_MAX 1024
#define QUEUE_MEMORY_BYTES_MAX  (8 * 1024 * 1024)

struct queue_memory {
    struct clock *clock; /* borrowed, as the next three */
    struct queue_rows *rows;
    struct queue_table *table;
    struct done_events *done;
    int n_events;
    size_t bytes;
};

/* A copy of @e, which the caller puts into a queue. NULL: no memory. */
struct queued_event *queue_memory_keep(struct queue_memory *m, const struct event *e);
void queue_memory_forget(struct queue_memory *m, struct session_queue *q, struct queued_event *ev);
/* Memory is full, by parts: 1: full; 2: half. */
bool queue_memory_is_full(const struct queue_memory *m, int part);

/* Does a row of forward.db hold it? Then it may leave the memory. */
bool queue_memory_has_row(const struct session_queue *q, const struct queued_event *ev);

/* These return 0 or -errno, which was given to the group commit. */

/* Gives it a row behind those of its queue. @newest: as queue_rows_block(). */
int queue_memory_block(struct queue_memory *m, struct session_queue *q, int64_t seq, bool newest);
/* All events of the queue but the first @keep get a row and leave the memory; those in flight stay in memory. */
int queue_memory_spill_queue(struct queue_memory *m, struct session_queue *q, int keep);
/* The same for every queue; in the transaction. */
int queue_memory_spill(struct queue_memory *m, int keep);
