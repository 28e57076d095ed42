/* `zapkeep forward skip`: an event that waits in a row becomes a dead letter, and its session goes on without it. */
#pragma once

#include "services/forwarder/dead_letters.h"
#include "services/forwarder/queue_rows.h"
#include "services/forwarder/queue_schedule.h"

struct queue_skip {
    struct stores *stores; /* borrowed, as all up to dead */
    struct queue_table *table;
    struct queue_schedule *schedule;
    struct queue_rows *rows;
    struct dead_letters *dead;
    const struct dead_letter_of *of;
    int64_t destination;
    struct event_rows read; /* memory that is kept between reads */
};

/* *ret_found is false when the event with this seq does not wait: it was delivered, or is in flight. In the transaction, with
 * all events but those in flight in rows. Returns 0 or -errno, which was given to the group commit. */
int queue_skip_event(struct queue_skip *k, int64_t seq, bool *ret_found);
void queue_skip_fini(struct queue_skip *k);
