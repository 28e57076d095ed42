/* Which of the oldest events are to be removed. Pure; the engines share it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/store/events_log.h"

struct retention_removal {
    int64_t last;   /* the newest seq that goes; below the oldest: none does */
    int64_t forced; /* of those, not yet read by a consumer */
    bool held;      /* some are due and stay because of a consumer */
    bool more;      /* there is more than @max */
};
/* @oldest and @head: of the log. @used_bytes: of the events. @no_room: the stores are over their limit together.
 * @due_by_age: newest seq that is too old, among the oldest @max. The newest event always stays, and events that a
 * consumer has not read stay until the hard limit. */
struct retention_removal retention_plan(int64_t oldest, int64_t head, const struct event_retention *rule,
                                        int64_t used_bytes, bool no_room, int64_t due_by_age, int64_t max);
