/* A bridge's row where the policy decides: its limits, and the slow start when it works again. */
#include "common/reconnect/reconnect.h"
#include "common/store/txn.h"

/* ---- limits ------------------------------------------------------------------------------------ */

struct policy reconnect_policy_of(const struct bridge_row *row)
{
    struct policy p = policy_default;

    if (row->interval_ms > 0)
        p.interval_ms = row->interval_ms;
    if (row->rate_milli > 0)
        p.rate_milli = row->rate_milli;
    if (row->burst > 0)
        p.burst = row->burst;
    if (row->interval_ms > 0)
        p.slow_start_ms = row->slow_start_ms;
    return p;
}

static int set_policy(struct db *db, const char *bridge, const struct policy *p)
{
    struct bridge_row row = { 0 };
    int r = bridges_get(db, bridge, &row);

    if (r != 0)
        return r;
    row.interval_ms = policy_spacing_ms(p);
    row.rate_milli = p->rate_milli;
    row.burst = p->burst;
    row.slow_start_ms = p->slow_start_ms;
    return bridges_save(db, &row);
}

int reconnect_set_policy(struct db *db, const char *bridge, const struct policy *p)
{
    struct txn t;
    int r = txn_begin(&t, db);

    return r == 0 ? txn_end(&t, set_policy(db, bridge, p)) : r;
}

/* ---- the bridge works, or does not --------------------------------------------------------------- */

/* It works again: open probes at once, and slowly. */
static void recover(struct bridge_row *row, const struct now *now)
{
    struct policy p = reconnect_policy_of(row);

    row->bucket = bucket_slow_start(&p, &row->bucket, now->steady_ms);
    row->breaker = breaker_hint_up(&row->breaker, now->steady_ms);
}

static int set_health(struct db *db, const struct now *now, const char *bridge, enum bridge_health health,
                      const char *detail)
{
    struct bridge_row row = { 0 };
    int r = bridges_get(db, bridge, &row);

    if (r != 0)
        return r;
    if (row.health == BRIDGE_HEALTH_DOWN && health == BRIDGE_HEALTH_UP)
        recover(&row, now);
    if (row.health != health)
        row.health_since = now->wall_ms;
    row.health = health;
    str_copy(str_from(detail), row.health_detail, sizeof row.health_detail);
    return bridges_save(db, &row);
}

int reconnect_set_bridge_health(struct db *db, const struct now *now, const char *bridge,
                                enum bridge_health health, const char *detail)
{
    struct txn t;
    int r = txn_begin(&t, db);

    return r == 0 ? txn_end(&t, set_health(db, now, bridge, health, detail)) : r;
}

static int set_incident(struct db *db, const struct now *now, const char *bridge, bool on, const char *detail)
{
    struct bridge_row row = { 0 };
    int r = bridges_get(db, bridge, &row);

    if (r != 0)
        return r;
    if (row.incident_since > 0 && !on)
        recover(&row, now);
    if (!on)
        row.incident_since = 0;
    else if (row.incident_since == 0)
        row.incident_since = now->wall_ms;
    str_copy(str_from(detail), row.incident_detail, sizeof row.incident_detail);
    return bridges_save(db, &row);
}

int reconnect_set_bridge_incident(struct db *db, const struct now *now, const char *bridge, bool on,
                                  const char *detail)
{
    struct txn t;
    int r = txn_begin(&t, db);

    return r == 0 ? txn_end(&t, set_incident(db, now, bridge, on, detail)) : r;
}
