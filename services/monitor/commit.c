#include "services/monitor/commit.h"

#include "common/store/cursors.h"
#include <stdio.h>

/* The cursor and the sweep are in one row each; a cursor name is for ever. */
#define CURSOR "monitor"

/* ---- one session ----------------------------------------------------------------------------- */

static const char *cause_name(const struct cause *c)
{
    return c ? c->name : "";
}

static int code_of(const struct change *c)
{
    if (!c->cause)
        return 0;
    return c->code ? c->code : c->cause->code;
}

/* What the change says goes into the row; the rest of the row stays. */
static void fill_row(const struct change *c, const struct now *now, struct session_row *row)
{
    const struct tracked_session *s = c->s;

    if (c->moved) {
        (void)snprintf(row->cause, sizeof row->cause, "%s", cause_name(c->cause));
        row->code = code_of(c);
    }
    if (row->state != c->to || c->fresh) {
        row->since = c->at_wall;
        row->since_steady = now->steady_ms;
    }
    row->state = c->to;
    row->stable_since = c->stable_since;
    row->flap_score = s->flap.score;
    row->flap_at = s->flap.at_ms;
    row->silent_since = s->silent_since;
    row->last_received_at = s->last_received_at;
    if (c->occurred_at > row->occurred_at)
        row->occurred_at = c->occurred_at;
    if (!c->has_shape)
        return;
    (void)snprintf(row->raw_status, sizeof row->raw_status, "%s", c->raw_status);
    (void)snprintf(row->phone, sizeof row->phone, "%s", c->phone);
    (void)snprintf(row->name, sizeof row->name, "%s", c->name);
}

static int add_history(const struct commit_context *rec, const struct change *c, int from)
{
    struct session_change h = { .at = c->at_wall, .from = from, .to = c->to, .code = code_of(c) };

    (void)snprintf(h.cause, sizeof h.cause, "%s", cause_name(c->cause));
    (void)snprintf(h.source, sizeof h.source, "%s", c->source == REPORT_POLL ? "poll" : "webhook");
    if (c->has_shape)
        (void)snprintf(h.detail, sizeof h.detail, "the bridge calls it %s", c->raw_status);
    return sessions_add_change(rec->db, rec->bridge, c->s->id, &h);
}

static int follow(const struct commit_context *rec, const struct now *now, struct changeset *changeset,
                  struct change *c, int from)
{
    struct retry_change change = { .from = from < 0 ? SESSION_STARTING : (enum session_state)from,
                                   .to = c->to,
                                   .cause = c->cause,
                                   .silent = c->silent,
                                   .connected_ms = c->before.stable_since > 0
                                                       ? now->steady_ms - c->before.stable_since
                                                       : 0 };
    struct reconnect_followed f;
    int r =
        reconnect_follow(rec->db, rec->policy, now, rec->bridge, c->s->id, &change, rng_next(rec->rng), &f);

    if (r == 0 && f.after.phase == RETRY_DUE && f.before.phase != RETRY_DUE)
        c->due_wall = f.due_wall > 0 ? f.due_wall : now->wall_ms;
    if (r == 0 && (f.effect.bridge_outdated || f.effect.bridge_current))
        changeset->outdated = f.effect.bridge_outdated ? 1 : -1;
    return r;
}

static int save(const struct commit_context *rec, const struct now *now, struct changeset *changeset,
                struct change *c)
{
    struct session_row row = { 0 };
    int r = sessions_find(rec->db, rec->bridge, c->s->id, &row);
    int from = r == 0 ? (int)row.state : -1;

    c->s->gone = !c->fresh && (r == SESSIONS_NONE || (r == 0 && row.first_seen != c->s->first_seen));
    if (r < 0 || c->s->gone)
        return r < 0 ? r : 0;
    if (r == SESSIONS_NONE) {
        (void)snprintf(row.bridge, sizeof row.bridge, "%s", rec->bridge);
        (void)snprintf(row.id, sizeof row.id, "%s", c->s->id);
        row.first_seen = c->at_wall;
    }
    fill_row(c, now, &row);
    row.suppressed_until = flap_until_ms(rec->rules, &c->s->flap);
    c->s->first_seen = row.first_seen;
    r = sessions_save(rec->db, &row);
    if (r == 0 && c->moved)
        r = add_history(rec, c, from);
    return r == 0 && (c->moved || c->follow) ? follow(rec, now, changeset, c, from) : r;
}

/* ---- the round ------------------------------------------------------------------------------- */

/* A restart that WhatsApp asks for is no instability, nor is what the bridge's own trouble does. */
static void score_drops(const struct commit_context *rec, struct changeset *changeset, bool quiet)
{
    for (int i = 0; i < changeset->n && !quiet; i++) {
        struct change *c = &changeset->changes[i];
        const struct cause *cause = c->cause;

        if (c->drop && !(cause && cause->plan == PLAN_AT_ONCE))
            (void)flap_drop(rec->rules, &c->s->flap, changeset->now);
    }
}

static int save_all(const struct commit_context *rec, struct changeset *changeset, const struct now *now)
{
    int r = 0;

    for (int i = 0; r == 0 && i < changeset->n; i++) {
        struct change *c = &changeset->changes[i];

        if (c->row)
            r = save(rec, now, changeset, c);
        else if (c->follow)
            r = follow(rec, now, changeset, c, (int)c->to);
    }
    return r;
}

static int save_bridge(const struct commit_context *rec, const struct bridge_update *also,
                       const struct now *now)
{
    int r = 0;

    if (also->set_health)
        r = bridges_set_health(rec->db, now, rec->bridge, also->health, also->health_detail);
    if (r == 0 && also->set_incident)
        r = bridges_set_incident(rec->db, now, rec->bridge, also->incident, also->incident_detail);
    if (r == 0 && also->swept)
        r = bridges_set_swept(rec->db, now, rec->bridge, also->swept_from_ms, also->freshness_ms);
    if (r == 0 && also->cursor > 0)
        r = cursor_save(rec->db, CURSOR, also->cursor, now->wall_ms);
    return r;
}

static const char *why_of(const struct bridge_update *also, enum alert_kind k)
{
    if (k == ALERT_BRIDGE_DOWN)
        return also->health_detail;
    return k == ALERT_BRIDGE_INCIDENT ? also->incident_detail : NULL;
}

static int alert_bridge(const struct commit_context *rec, const struct bridge_update *also, int64_t now_wall)
{
    enum alert_kind want = alert_of_bridge(&also->bridge_facts);
    int r = 0;

    for (enum alert_kind k = ALERT_BRIDGE_DOWN; r == 0 && k <= ALERT_BRIDGE_KEY_REFUSED; k++)
        r = alert_tracker_bridge(rec->alerts, rec->db, k, k == want, why_of(also, k), now_wall);
    return r;
}

/* Sessions that were deleted are told for the last time. */
static int alert_gone(const struct commit_context *rec, const struct changeset *changeset)
{
    int r = 0;

    for (int i = 0; r == 0 && i < changeset->n; i++)
        if (changeset->changes[i].s->gone) {
            r = alert_tracker_forget(rec->alerts, rec->db, changeset->changes[i].s, changeset->now_wall);
            changeset->changes[i].s->alert = ALERT_NONE;
        }
    return r;
}

static int tell(const struct commit_context *rec, const struct changeset *changeset,
                const struct bridge_update *also)
{
    int r = alert_gone(rec, changeset);

    int outdated = changeset->outdated ? changeset->outdated : also->outdated;

    if (r == 0)
        r = alert_bridge(rec, also, changeset->now_wall);
    if (r == 0 && outdated)
        r = alert_tracker_bridge(rec->alerts, rec->db, ALERT_BRIDGE_OUTDATED, outdated > 0, NULL,
                                 changeset->now_wall);
    return r == 0 && !also->quiet ? alert_tracker_sessions(rec->alerts, rec->db, changeset) : r;
}

static bool has_work(const struct commit_context *rec, const struct changeset *changeset,
                     const struct bridge_update *also)
{
    enum alert_kind want = alert_of_bridge(&also->bridge_facts);

    if (changeset->n > 0 || also->cursor > 0 || also->swept || also->set_health || also->set_incident)
        return true;
    if (also->outdated && rec->alerts->active[ALERT_BRIDGE_OUTDATED] != (also->outdated > 0))
        return true;
    for (enum alert_kind k = ALERT_BRIDGE_DOWN; k <= ALERT_BRIDGE_KEY_REFUSED; k++)
        if (rec->alerts->active[k] != (k == want))
            return true;
    return false;
}

static int write_all(const struct commit_context *rec, struct changeset *changeset,
                     const struct bridge_update *also)
{
    struct now now;
    int r = steady_now(rec->db, rec->clock, &now);

    if (r == 0)
        r = save_all(rec, changeset, &now);
    if (r == 0)
        r = save_bridge(rec, also, &now);
    return r == 0 ? tell(rec, changeset, also) : r;
}

static int in_transaction(const struct commit_context *rec, struct changeset *changeset,
                          const struct bridge_update *also)
{
    int r = db_begin(rec->db);

    if (r != 0)
        return r;
    r = write_all(rec, changeset, also);
    if (r == 0)
        return db_commit(rec->db);
    db_rollback(rec->db);
    return r;
}

static void drop_gone(struct changeset *changeset)
{
    int kept = 0, n = changeset->n;

    for (int i = 0; i < n; i++)
        if (!changeset->changes[i].s->gone)
            changeset->changes[kept++] = changeset->changes[i];
    changeset->n = kept;
    if (kept ==
        n) /* also a round that never began, which knows no book: the bridge came up before any session */
        return;
    for (int i = session_table_count(changeset->table) - 1; i >= 0; i--)
        if (session_table_at(changeset->table, i)->gone)
            session_table_remove(changeset->table, session_table_at(changeset->table, i));
}

int commit_changeset(const struct commit_context *rec, struct changeset *changeset,
                     const struct bridge_update *also)
{
    struct alert_tracker mark = alert_tracker_mark(rec->alerts);
    int r;

    if (!has_work(rec, changeset, also))
        return COMMIT_NOTHING;
    score_drops(rec, changeset, also->quiet);
    r = in_transaction(rec, changeset, also);
    if (r != 0) {
        alert_tracker_undo(rec->alerts, &mark);
        changeset_undo(changeset);
        return r;
    }
    drop_gone(changeset);
    return 0;
}
