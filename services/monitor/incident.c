#include "services/monitor/incident.h"

#include <string.h>

static bool begin(struct incident *i, enum incident_kind kind, int64_t now_ms)
{
    if (i->kind != INCIDENT_NONE)
        return false;
    i->kind = kind;
    i->since_ms = now_ms;
    i->good_sweeps = 0;
    return true;
}

/* Forgets the slots between the newest one known and now. */
static void advance(const struct rules *rules, struct incident *i, int64_t now_ms)
{
    int64_t slot = now_ms * INCIDENT_SLOTS / rules->incident_window_ms;

    if (slot - i->slot >= INCIDENT_SLOTS)
        memset(i->drops, 0, sizeof i->drops);
    else
        for (int64_t s = i->slot + 1; s <= slot; s++)
            i->drops[s % INCIDENT_SLOTS] = 0;
    if (slot > i->slot)
        i->slot = slot;
}

bool incident_counts(const struct rules *rules, int64_t counted_ms, bool damped, int64_t now_ms)
{
    return !damped && (counted_ms == 0 || now_ms - counted_ms >= rules->incident_window_ms);
}

/* Did at least @min sessions, and the given share of all, drop within the window? */
static bool is_mass(const struct rules *rules, const struct incident *i, int64_t min, int64_t connected)
{
    int64_t sum = 0;

    for (int s = 0; s < INCIDENT_SLOTS; s++)
        sum += i->drops[s];
    return sum >= min && sum * 100 >= (connected + sum) * rules->incident_percent;
}

bool incident_is_shared(const struct rules *rules, const struct incident *i, int64_t connected)
{
    return is_mass(rules, i, 2, connected);
}

bool incident_drops(const struct rules *rules, struct incident *i, int64_t n, int64_t connected,
                    int64_t now_ms)
{
    advance(rules, i, now_ms);
    i->drops[i->slot % INCIDENT_SLOTS] += n;
    if (!is_mass(rules, i, rules->incident_min, connected))
        return false;
    return now_ms >= i->not_before_ms && begin(i, INCIDENT_MASS_DROP, now_ms);
}

bool incident_call(const struct rules *rules, struct incident *i, bool transport_ok, int64_t now_ms)
{
    if (transport_ok) {
        i->failures = 0;
        return false;
    }
    if (++i->failures < rules->incident_failures)
        return false;
    return begin(i, INCIDENT_TRANSPORT, now_ms);
}

bool incident_down(struct incident *i, int64_t now_ms)
{
    if (i->kind == INCIDENT_NONE)
        return begin(i, INCIDENT_DOWN, now_ms);
    i->kind = INCIDENT_DOWN;
    return false;
}

void incident_resume(struct incident *i, int64_t now_ms)
{
    (void)begin(i, INCIDENT_MASS_DROP, now_ms);
}

bool incident_sweep(const struct rules *rules, struct incident *i, bool good, int64_t drops, int64_t now_ms)
{
    bool over_limit = i->kind == INCIDENT_MASS_DROP && now_ms - i->since_ms >= rules->incident_max_ms;

    if (i->kind == INCIDENT_NONE)
        return false;
    i->good_sweeps = good && drops == 0 ? i->good_sweeps + 1 : 0;
    if (i->good_sweeps < rules->incident_sweeps && !(good && over_limit))
        return false;
    *i = (struct incident){ .slot = i->slot,
                            .not_before_ms = over_limit ? now_ms + rules->incident_max_ms : 0 };
    return true;
}

const char *incident_text(enum incident_kind k)
{
    switch (k) {
    case INCIDENT_MASS_DROP:
        return "half of its sessions dropped at once";
    case INCIDENT_TRANSPORT:
        return "calls fail in transport";
    case INCIDENT_DOWN:
        return "its health check fails";
    default:
        return "none";
    }
}
