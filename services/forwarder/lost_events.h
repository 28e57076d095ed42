/* Events that the log has lost to its hard limit before they were delivered: a dead letter and a log line say so. */
#pragma once

#include "services/forwarder/dead_letters.h"
#include "services/forwarder/stores.h"

struct lost_events {
    const struct stores *stores;
    struct dead_letters *dead;
    const struct dead_letter_of *of;
};

/* One, of which the session is known. @tries: counted so far. */
int lost_events_one(const struct lost_events *l, int64_t seq, struct str bridge, struct str session,
                    int tries);
/* All of @from to @to. */
int lost_events_range(const struct lost_events *l, int64_t from, int64_t to);
