#include "services/forwarder/lost_events.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/base/log.h"

#define REMOVED "removed from the log by its hard limit before delivery"

int lost_events_one(const struct lost_events *l, int64_t seq, struct str bridge, struct str session,
                    int tries)
{
    struct event e = { .seq = seq, .bridge = bridge, .session = session };
    int r;

    event_reader_event_id(l->stores->reader, seq, e.id);
    r = dead_letters_put(l->dead, l->of, &e, REMOVED, tries, NULL);
    log_error("event-lost", "an event was " REMOVED, KS("destination", l->of->name), KI("seq", seq),
              KR("session", session));
    return r;
}

int lost_events_range(const struct lost_events *l, int64_t from, int64_t to)
{
    struct event e = { .seq = from };
    char reason[FORWARD_DETAIL_MAX];

    event_reader_event_id(l->stores->reader, from, e.id);
    (void)snprintf(reason, sizeof reason, "%" PRId64 " events, seq %" PRId64 " to %" PRId64 ", " REMOVED,
                   to - from + 1, from, to);
    log_error("events-lost", "events were " REMOVED, KS("destination", l->of->name), KI("from", from),
              KI("to", to));
    return dead_letters_put(l->dead, l->of, &e, reason, 0, NULL);
}
