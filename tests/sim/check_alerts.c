/*
 * T1: a session that is really down for DOWN_ALERT_AFTER has an alert, or its bridge has one. T2: no alert for a session
 * that was well for the whole last minute. And R5 with flappers: one session that flaps is no incident of its bridge.
 */
#include <string.h>

#include "common/domain/alert_kind.h"
#include "common/store/alerts.h"
#include "tests/sim/io/disk_sim.h"
#include "tests/sim/sim.h"

#define DOWN_ALERT_AFTER_MS (180 * 1000)
#define ALERT_REPEAT_MS     (300 * 1000)
/* A poll, a look at state.db, and the monitor's hold time. */
#define LATE_MS (30 * 1000)
#define WELL_MS (60 * 1000 + SIM_CHECK_MS)
/* A session that was removed for so long, of a bridge that was well all the time, has no alert. */
#define FORGOTTEN_MS (SIM_REMOVED_MS + 3 * SIM_CHECK_MS)
/* An incident that only a flapper keeps up. */
#define INCIDENT_MAX_MS (3 * 60 * 1000)

struct seen {
    bool of_bridge;
    enum alert_kind *has; /* by session */
};

/* The bridge was in trouble or did not answer then, last: its sessions are not spoken of one by one meanwhile. */
static int64_t trouble_t;
static int64_t incident_t; /* an incident that nothing explains has been seen since; 0: none */

static bool is_paging(enum alert_kind k)
{
    return k != ALERT_SESSION_FLAPPING && k != ALERT_SESSION_SILENT && k != ALERT_SESSION_PARKED;
}

static int on_alert(void *ctx, const struct alert_row *row)
{
    struct seen *seen = ctx;
    enum alert_kind k = alert_kind_find(row->name);
    struct sim_session *x;

    if (k == ALERT_BRIDGE_CHANGED || k == ALERT_BRIDGE_TWO_STACKS)
        world_fail("T2: the alert %s, and there is one bridge and one zapkeep", row->name);
    if (alert_kind_scope(k) != ALERT_OF_SESSION || !row->session[0]) {
        seen->of_bridge = true;
        return 0;
    }
    x = &sim.sessions[sim_find(row->session)];
    seen->has[sim_find(row->session)] = k;
    if (x->removed && world_now() - x->since > FORGOTTEN_MS && world_now() - sim.calm_at > FORGOTTEN_MS)
        world_fail("T2: %s was removed at the bridge %.0f s ago, and its alert does not end", x->id,
                   (double)(world_now() - x->since) / 1000);
    if (is_paging(k) && !sim.is_away && world_now() - x->word_t > WELL_MS && x->connected_since > 0 &&
        world_now() - x->connected_since > WELL_MS && world_now() - sim.back_t > WELL_MS &&
        world_now() - trouble_t > WELL_MS && x->reported > x->connected_since)
        world_fail("T2: %s has the alert %s, and has been well for %.0f s", x->id, row->name,
                   (double)(world_now() - x->connected_since) / 1000);
    return 0;
}

/* Its alert is over when the bridge has shown for REMOVED_AFTER that it is gone: nobody is called for it any more. That counts
 * from the first removal if it was there again for a moment, and no answer and no webhook has told the monitor of that. */
static bool is_long_removed(const struct sim_session *x)
{
    return x->removed && x->missing_t > 0 && world_now() - x->missing_t > SIM_REMOVED_MS;
}

/* A session that stays failed after a 405 has no alert of its own, also when the bridge's has ended with an unpark: the
 * monitor takes it for the bridge's until it connects. */
#define CODE_OUTDATED 405

/* A session raises no more than one alert in ALERT_REPEAT. */
static bool may_raise(struct sim_session *x, enum alert_kind has)
{
    if (has != ALERT_NONE && has != x->alert)
        x->raised_t = world_now();
    x->alert = has;
    return x->raised_t == 0 || world_now() - x->raised_t > ALERT_REPEAT_MS + LATE_MS;
}

/* Webhooks tell of it, and the bridge does not show it: it may still be starting (START_TIMEOUT). */
static bool may_start(const struct sim_session *x)
{
    return x->removed && world_now() - x->known_t < 2 * SIM_CHECK_MS;
}

/* It counts from when nothing excuses it: a bridge with an alert, a disk that fails, a monitor that is away, a machine that
 * is off (the time of that is not known afterwards: its clock may have been set meanwhile). */
static void check_down(struct sim_session *x, const struct seen *seen)
{
    bool may = may_raise(x, seen->has[x - sim.sessions]);
    bool excused = x->state == SESSION_CONNECTED || x->code == CODE_OUTDATED || x->shown <= x->since ||
                   x->word || is_long_removed(x) || may_start(x) || sim.is_away || !disk_sim_is_well() ||
                   seen->of_bridge || seen->has[x - sim.sessions];

    if (excused || x->unalerted_t < x->since || x->unalerted_t < sim.powered_at)
        x->unalerted_t = world_now();
    else if (may && world_now() - x->unalerted_t > DOWN_ALERT_AFTER_MS + LATE_MS)
        world_fail("T1: %s has been down for %.0f s, and no alert says so", x->id,
                   (double)(world_now() - x->since) / 1000);
}

static void check_incident(const struct bridge_row *bridge)
{
    bool unexplained = bridge->incident_since > 0 && sim.mode == SIM_FINE && !sim.is_away &&
                       world_now() - sim.steady_since > SIM_CHECK_MS;

    if (!unexplained)
        incident_t = 0;
    else if (incident_t == 0)
        incident_t = world_now();
    else if (world_now() - incident_t > INCIDENT_MAX_MS)
        world_fail("R5: an incident holds back all sessions, and only one of them flaps");
}

void check_alerts(const struct bridge_row *bridge)
{
    enum alert_kind has[4096] = { ALERT_NONE };
    struct seen seen = { .has = has };

    if (sim.n_sessions > 4096)
        return;
    if (bridge->incident_since > 0 || bridge->health == BRIDGE_HEALTH_DOWN || !bridge_answers())
        trouble_t = world_now();
    sim_must(alerts_each(sim.db, SIM_BRIDGE, on_alert, &seen), "alerts_each");
    for (int i = 0; i < sim.n_sessions && alert_kind_find("session-down") != ALERT_NONE && !world_failed();
         i++)
        check_down(&sim.sessions[i], &seen);
    check_incident(bridge);
}
