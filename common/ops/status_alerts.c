#include "common/ops/status_alerts.h"

#include <stdio.h>
#include <string.h>

#include "common/base/text.h"
#include "common/domain/alert_kind.h"

/* A program that is dead stands where its work is: before the sessions that suffer from it. */
static enum problem_area area_of(enum alert_kind kind)
{
    static const enum problem_area areas[ALERT_KIND_N] = {
        [ALERT_INGEST_DEAD] = PROBLEM_AREA_INGEST,        [ALERT_WORKERS_DEAD] = PROBLEM_AREA_WORKERS,
        [ALERT_FORWARDER_DEAD] = PROBLEM_AREA_DELIVERY,   [ALERT_DISK_LIMIT] = PROBLEM_AREA_INGEST,
        [ALERT_STORE_DOWN] = PROBLEM_AREA_INGEST,         [ALERT_WEBHOOKS_REFUSED] = PROBLEM_AREA_INGEST,
        [ALERT_WEBHOOKS_UNWATCHED] = PROBLEM_AREA_INGEST, [ALERT_BRIDGE_KEY_REFUSED] = PROBLEM_AREA_BRIDGE,
        [ALERT_BRIDGE_INCIDENT] = PROBLEM_AREA_BRIDGE,    [ALERT_DESTINATION_FAILING] = PROBLEM_AREA_DELIVERY,
        [ALERT_BRIDGE_CHANGED] = PROBLEM_AREA_BRIDGE,     [ALERT_BRIDGE_TWO_STACKS] = PROBLEM_AREA_BRIDGE,
    };

    return (size_t)kind < ALERT_KIND_N && areas[kind] != PROBLEM_AREA_MONITOR ? areas[kind]
                                                                              : PROBLEM_AREA_ALERTS;
}

static void add(const struct alert_row *a, struct problems *ret)
{
    char text[ALERTS_DETAIL_MAX + ALERTS_NAME_MAX + 16];
    struct problem *item;

    (void)snprintf(text, sizeof text, "alert %s: %s", a->name, a->detail);
    item = status_add_problem(ret, PROBLEM_BAD, area_of(alert_kind_find(a->name)), "alert", text);
    item->since = a->since;
    str_copy(str_from(a->detail), item->detail, sizeof item->detail);
    str_copy(str_from(a->name), item->name, sizeof item->name);
    str_copy(str_from(a->bridge), item->bridge, sizeof item->bridge);
    str_copy(str_from(a->session), item->session, sizeof item->session);
}

void status_add_alerts(const struct bridge_summary *b, struct problems *ret)
{
    int shown = b->n_alerts < STATUS_ALERTS_MAX ? (int)b->n_alerts : STATUS_ALERTS_MAX;

    for (int i = 0; i < shown; i++) {
        bool of_bridge = strncmp(b->alerts[i].name, "bridge-", 7) == 0;

        if (!of_bridge || b->row.health != BRIDGE_HEALTH_DOWN) /* its line has said that it is down */
            add(&b->alerts[i], ret);
    }
}

/* ---- alerts of no bridge --------------------------------------------------------------------- */

struct reading {
    struct db *db;
    bool with_destinations;
    struct problems *problems;
};

static int on_alert(void *ctx, const struct alert_row *row)
{
    const struct reading *reading = ctx;
    struct bridge_row bridge;
    int r;

    if (row->grouped)
        return 0;
    if (alert_kind_find(row->name) == ALERT_DESTINATION_FAILING && !reading->with_destinations)
        return 0;
    r = row->bridge[0] ? bridges_find(reading->db, row->bridge, &bridge) : BRIDGES_NONE;
    if (r < 0)
        return r;
    if (r == BRIDGES_NONE || bridge.unwatched_since > 0)
        add(row, reading->problems);
    return 0;
}

int status_alert_problems(struct db *db, bool with_destinations, struct problems *ret)
{
    struct reading reading = { db, with_destinations, ret };

    return alerts_each(db, NULL, on_alert, &reading);
}
