#include "common/app/heartbeat.h"
#include "common/ops/status.h"
#include "common/store/store.h"

#include <string.h>

#include "common/base/mem.h"

struct reading {
    const struct status_source *source;
    struct bridge_summary *status;
    int r;
};

static bool is_worse(const struct status_session *a, const struct status_session *b)
{
    int ga = status_gravity(a->state), gb = status_gravity(b->state);

    return ga != gb ? ga < gb : a->since < b->since;
}

/* Keeps the worst, in order. */
static void keep(struct bridge_summary *b, const struct status_session *s)
{
    int n = b->n_down < STATUS_DOWN_MAX ? (int)b->n_down : STATUS_DOWN_MAX, at = n;

    while (at > 0 && is_worse(s, &b->down[at - 1]))
        at--;
    b->n_down++;
    if (at == STATUS_DOWN_MAX)
        return;
    n = n < STATUS_DOWN_MAX ? n : STATUS_DOWN_MAX - 1;
    memmove(&b->down[at + 1], &b->down[at], (size_t)(n - at) * sizeof b->down[0]);
    b->down[at] = *s;
}

static int on_session(void *ctx, const struct session_row *row)
{
    struct reading *reading = ctx;
    struct status_session s = { .state = row->state, .since = row->since };
    struct reconnect_row re = { 0 };
    int r;

    if (row->state == SESSION_LOST && strcmp(row->cause, "removed") == 0) { /* nobody misses it */
        reading->status->sessions[SESSION_LOST]--;
        return 0;
    }
    if (status_gravity(row->state) == 0)
        return 0;
    r = reconnects_find(reading->source->db, row->bridge, row->id, &re);
    if (r < 0)
        return r;
    str_copy(str_from(row->id), s.id, sizeof s.id);
    str_copy(str_from(row->cause), s.cause, sizeof s.cause);
    s.parked = re.retry.phase == RETRY_PARKED;
    if (re.retry.phase == RETRY_DUE)
        s.due_at = reading->source->now.wall_ms + re.retry.due_at - reading->source->now.steady_ms;
    keep(reading->status, &s);
    return 0;
}

static int on_alert(void *ctx, const struct alert_row *a)
{
    struct reading *reading = ctx;
    struct bridge_summary *b = reading->status;

    if (!a->grouped && b->n_alerts++ < STATUS_ALERTS_MAX)
        b->alerts[b->n_alerts - 1] = *a;
    return 0;
}

const char *status_alive_dir(const struct app_settings *app)
{
    return store_is_server(app_store(app)) ? "" : app->data_dir;
}

int status_read(const struct status_source *source, const struct bridge_row *row, struct bridge_summary *ret)
{
    struct reading reading = { .source = source, .status = ret };
    struct retry_bridge view;
    int r;

    *ret = (struct bridge_summary){ .row = *row, .policy = reconnect_policy_of(row), .now = source->now };
    ret->monitor_dead =
        heartbeat_find(source->data_dir, "monitor", source->clock, &ret->monitor_age_ms) == HEARTBEAT_DEAD;
    r = sessions_count(source->db, row->name, ret->sessions);
    if (r == 0)
        r = reconnects_queue(source->db, &source->now, row->name, &ret->queue);
    if (r == 0)
        r = reconnects_count_in_flight(source->db, &source->now, row->name, &ret->in_flight);
    if (r == 0)
        r = sessions_each(source->db, row->name, on_session, &reading);
    if (r == 0)
        r = alerts_each(source->db, row->name, on_alert, &reading);
    if (r != 0)
        return r;
    view = bridges_view(row, ret->in_flight);
    ret->verdict = retry_bridge_verdict(&ret->policy, &view, source->now.steady_ms);
    return 0;
}
