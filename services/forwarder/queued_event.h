/*
 * An event in memory, on its way to one destination.
 */
#pragma once

#include "common/base/list.h"
#include "common/store/events.h"

struct queued_event {
    struct list in_queue;
    struct event event; /* its texts point into data */
    int64_t letter_id;  /* the dead letter that is redelivered, 0: none */
    bool blocked;       /* has a row in table blocked of forward.db */
    size_t bytes;
    char data[];
};

/* A copy of @e. NULL: no memory. */
struct queued_event *queued_event_new(const struct event *e);
void queued_event_free(struct queued_event *ev); /* not in a list any more */
