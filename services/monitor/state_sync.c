#include "services/monitor/state_sync.h"

#include <errno.h>

#include "common/base/mem.h"
#include "services/monitor/metrics.h"

struct state_sync {
    const struct monitor_context *m;
    struct bridge_status *status;
    struct change_batch *batch;
    int64_t number;  /* of the newest reload or read, in the sessions that it marks */
    int64_t version; /* data_version as of the last read */
    int64_t loaded;  /* data_version as of the last reload of all sessions */
};

/* ---- parked ---------------------------------------------------------------------------------- */

static int on_parked(void *ctx, const char *session, enum retry_park park)
{
    struct state_sync *y = ctx;
    struct tracked_session *s = session_table_find(y->m->table, session);

    if (s)
        s->parked_seen = y->number;
    return 0;
}

static int read_parked(struct state_sync *y)
{
    const struct session_table *table = y->m->table;
    int r = reconnects_each_parked(y->m->db, y->m->settings->bridge.name, on_parked, y);

    for (int i = 0; r == 0 && i < session_table_count(table); i++) {
        struct tracked_session *s = session_table_at(table, i);
        bool parked = s->parked_seen == y->number;

        if (parked == s->parked)
            continue;
        s->parked = parked;
        if (!parked &&
            s->down_ms > 0) /* somebody has just seen to it: how long it was down before is no news */
            s->down_ms = times_steady(&y->m->times);
        (void)change_batch_touch(y->batch, s, false);
    }
    return r;
}

/* ---- the bridge's row ------------------------------------------------------------------------ */

static int read_bridge(struct state_sync *y)
{
    const struct monitor_context *m = y->m;
    const char *bridge = m->settings->bridge.name;
    struct bridge_row row;
    struct reconnect_queue queue;
    struct now now;
    int r = bridges_find(m->db, bridge, &row);

    if (r != 0)
        return r < 0 ? r : 0;
    y->status->outdated = row.outdated_since > 0 ? 1 : -1;
    r = steady_now(m->db, app_clock(m->app), &now);
    if (r == 0)
        r = reconnects_queue(m->db, &now, bridge, &queue);
    if (r == 0)
        metrics_reconnection(m->metrics, &m->settings->policy.policy, &row, &queue, &now);
    return r;
}

int state_sync_read(struct state_sync *y)
{
    int64_t version = 0;
    int r = db_data_version(y->m->db, &version);

    if (r != 0)
        return r;
    y->number++;
    r = read_bridge(y);
    if (r == 0 && version != y->version)
        r = read_parked(y);
    if (r == 0)
        y->version = version;
    return r;
}

/* ---- sessions that somebody created or deleted ----------------------------------------------- */

static void load_row(const struct monitor_context *m, const struct session_row *row,
                     struct tracked_session *s)
{
    int64_t now_ms = times_steady(&m->times), age_ms = times_wall(&m->times) - row->first_seen;

    s->known.state = row->state;
    s->known.cause = row->cause[0] ? cause_by_name(row->cause) : NULL;
    s->known.known_ms = now_ms - (age_ms > 0 ? age_ms : 0);
    s->known.starting_ms = row->state == SESSION_STARTING ? row->since_steady : 0;
    s->known.lost_ms = row->state == SESSION_LOST ? row->since_steady : 0;
    s->known.polled_once = row->raw_status[0] != '\0';
    s->known.paired = row->phone[0] != '\0';
    s->shape = row->raw_status[0] ? shape_of(row->raw_status, row->phone, row->name) : 0;
    session_table_note_phone(s, row->phone);
    s->stable_since = row->stable_since;
    s->state_ms = row->since_steady;
    s->down_ms = row->state == SESSION_CONNECTED ? 0 : row->since_steady;
    s->since_wall = row->since;
    s->first_seen = row->first_seen;
    s->silent_since = row->silent_since;
    s->ban_until = row->ban_until;
    s->last_received_at = row->last_received_at;
    s->webhook_at = row->webhook_at;
    s->webhook_state = row->webhook_state;
    s->webhook_code = row->webhook_code;
    s->flap = (struct flap){ .score = row->flap_score, .at_ms = row->flap_at };
    if (row->suppressed_until > now_ms) {
        int64_t since_ms = row->suppressed_until - m->settings->rules.flap_max_ms;

        s->flap.suppressed_ms = since_ms > 1 ? since_ms : 1;
    }
}

/* Deleted and created again between two reloads: nothing of its former life holds. */
static void start_anew(struct state_sync *y, const struct session_row *row, struct tracked_session *s)
{
    s->known = session_unknown(times_steady(&y->m->times));
    mem_free(s->silence);
    s->silence = NULL;
    s->profile_dirty = false;
    load_row(y->m, row, s);
    (void)change_batch_touch(y->batch, s, false); /* an alert of then is over */
}

static int on_session(void *ctx, const struct session_row *row)
{
    struct state_sync *y = ctx;
    struct tracked_session *s = session_table_find(y->m->table, row->id);
    int r = 0;

    if (s && s->first_seen != row->first_seen)
        start_anew(y, row, s);
    if (!s) {
        r = session_table_add(y->m->table, row->id, times_steady(&y->m->times), &s);
        if (r != 0)
            return r == -ENOSPC ? 0 : r;
        load_row(y->m, row, s);
    }
    s->loaded = y->number;
    return 0;
}

/* Deleted: without a row. A session that is staged but not committed has none either, so there must be none. */
static void touch_deleted(struct state_sync *y)
{
    const struct session_table *table = y->m->table;

    for (int i = 0; i < session_table_count(table); i++) {
        struct tracked_session *s = session_table_at(table, i);

        if (s->loaded != y->number)
            (void)change_batch_touch(y->batch, s, true); /* the commit finds that its row is gone */
    }
}

static int load_all(struct state_sync *y)
{
    int64_t version = 0;
    int r = db_data_version(y->m->db, &version);

    if (r != 0 || version == y->loaded)
        return r;
    y->number++;
    r = sessions_each(y->m->db, y->m->settings->bridge.name, on_session, y);
    if (r == 0)
        y->loaded = version;
    return r;
}

int state_sync_reload(struct state_sync *y)
{
    int64_t loaded = y->loaded;
    int r = change_batch_commit(y->batch, 0);

    if (r == 0)
        r = load_all(y);
    if (r != 0 || loaded == y->loaded)
        return r;
    touch_deleted(y);
    return change_batch_commit(y->batch, 0);
}

int state_sync_load(struct state_sync *y)
{
    return load_all(y);
}

int state_sync_open(const struct monitor_context *m, struct bridge_status *status, struct change_batch *batch,
                    struct state_sync **ret)
{
    struct state_sync *y = mem_zalloc(sizeof *y);

    if (!y)
        return -ENOMEM;
    *y = (struct state_sync){ .m = m, .status = status, .batch = batch, .version = -1, .loaded = -1 };
    *ret = y;
    return 0;
}

void state_sync_close(struct state_sync *y)
{
    mem_free(y);
}
