/*
 * Is it the bridge as a whole, rather than its sessions? Pure; times in steady ms.
 *
 * An incident begins when half of the connected sessions turn bad within 30 s, when 5 calls in a row fail in
 * transport, or when the bridge goes down. While it lasts nothing is attempted and no alert is raised per
 * session. It ends with good health and two good sweeps in a row without a new drop. One of dropping sessions ends
 * after rules.incident_max_ms with the first good sweep in any case, and the next one begins as long after it.
 */
#pragma once

#include "common/policy/rules.h"

/* The window is counted in this many parts: exact to 1 s, and bounded however many drops there are. */
#define INCIDENT_SLOTS 30

enum incident_kind { INCIDENT_NONE, INCIDENT_MASS_DROP, INCIDENT_TRANSPORT, INCIDENT_DOWN };

struct incident {
    enum incident_kind kind; /* INCIDENT_NONE: there is none */
    int64_t since_ms;
    int64_t failures;    /* transport failures in a row */
    int64_t good_sweeps; /* in a row, since the incident began */
    int64_t drops[INCIDENT_SLOTS];
    int64_t slot;          /* number of the newest slot that drops[] knows */
    int64_t not_before_ms; /* no mass drop before this: the last one was ended by its limit */
};

/* Does this drop count? One session counts once in a window, and not at all while it is damped: it drops by itself
 * then. @counted_ms: when its last drop counted, 0: never. */
bool incident_counts(const struct rules *rules, int64_t counted_ms, bool damped, int64_t now_ms);

/* Each returns true when an incident begins with it. @n: sessions whose drop counts; @connected: sessions connected
 * now, after the drops. */
bool incident_drops(const struct rules *rules, struct incident *i, int64_t n, int64_t connected,
                    int64_t now_ms);
/* So many sessions dropped within the window that these drops are not the sessions' own: as for an incident, but two are
 * enough. No session is damped for them. Call it after incident_drops(). */
bool incident_is_shared(const struct rules *rules, const struct incident *i, int64_t connected);
bool incident_call(const struct rules *rules, struct incident *i, bool transport_ok, int64_t now_ms);
/* An incident that is on already becomes one of this kind. */
bool incident_down(struct incident *i, int64_t now_ms);
/* One that was on when the monitor stopped. */
void incident_resume(struct incident *i, int64_t now_ms);
/* After a sweep: @good when health and every answer were good, @drops new ones that count since the last sweep.
 * Returns true when the incident ends with it. */
bool incident_sweep(const struct rules *rules, struct incident *i, bool good, int64_t drops, int64_t now_ms);
const char *incident_text(enum incident_kind k);
