/*
 * Is it the bridge as a whole, rather than its sessions? Pure; times in steady ms.
 *
 * An incident begins when half of the connected sessions turn bad within 30 s, when 5 calls in a row fail in
 * transport, or when the bridge goes down. While it lasts nothing is attempted and nothing is told per
 * session. It ends with good health and two good sweeps in a row without a new drop.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define INCIDENT_WINDOW_MS (30 * 1000)
/* Drops are counted by the second: exact to 1 s, and bounded however many there are. */
#define INCIDENT_SLOT_MS 1000
#define INCIDENT_SLOTS   (INCIDENT_WINDOW_MS / INCIDENT_SLOT_MS)
/* Of two sessions one is half: fewer than this many drops are the sessions' own affair. */
#define INCIDENT_DROPS_MIN          5
#define INCIDENT_TRANSPORT_FAILURES 5
#define INCIDENT_GOOD_SWEEPS        2

enum incident_kind { INCIDENT_NONE, INCIDENT_MASS_DROP, INCIDENT_TRANSPORT, INCIDENT_DOWN };

struct incident {
    enum incident_kind kind; /* INCIDENT_NONE: there is none */
    int64_t since_ms;
    int failures;    /* transport failures in a row */
    int good_sweeps; /* in a row, since the incident began */
    int drops[INCIDENT_SLOTS];
    int64_t slot; /* number of the newest slot that drops[] knows */
};

/* Each returns true when an incident begins with it. @connected: sessions connected now, after the drops. */
bool incident_drops(struct incident *i, int n, int connected, int64_t now_ms);
bool incident_call(struct incident *i, bool transport_ok, int64_t now_ms);
bool incident_down(struct incident *i, int64_t now_ms);
/* After a sweep: @good when health and every answer were good, @drops new ones since the last sweep. Returns
 * true when the incident ends with it. */
bool incident_sweep(struct incident *i, bool good, int drops);
const char *incident_text(enum incident_kind k);
