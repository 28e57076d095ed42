#include "services/monitor/commit.h"

#include <stdio.h>

#include "common/store/cursors.h"
#include "services/monitor/context.h"

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

/* The change goes into the row; the rest of the row stays. */
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
    row->ban_until = s->ban_until;
    row->last_received_at = s->last_received_at;
    row->webhook_at = s->webhook_at;
    row->webhook_state = s->webhook_state;
    row->webhook_code = s->webhook_code;
    if (c->occurred_at > row->occurred_at)
        row->occurred_at = c->occurred_at;
    if (!c->has_shape)
        return;
    (void)snprintf(row->raw_status, sizeof row->raw_status, "%s", c->raw_status);
    (void)snprintf(row->phone, sizeof row->phone, "%s", c->phone);
    (void)snprintf(row->name, sizeof row->name, "%s", c->name);
}

static int add_history(const struct commit_context *x, const struct change *c, int from)
{
    struct session_change h = { .at = c->at_wall, .from = from, .to = c->to, .code = code_of(c) };

    (void)snprintf(h.cause, sizeof h.cause, "%s", cause_name(c->cause));
    (void)snprintf(h.source, sizeof h.source, "%s", c->source == REPORT_POLL ? "poll" : "webhook");
    if (c->has_shape)
        (void)snprintf(h.detail, sizeof h.detail, "the bridge calls it %s", c->raw_status);
    return sessions_add_change(x->db, x->bridge, c->s->id, &h);
}

/* In steady time: one that is over already is over now. 0: there is none. */
static int64_t ban_until_ms(const struct change *c, const struct now *now)
{
    int64_t left_ms = c->s->ban_until - now->wall_ms;

    if (c->to != SESSION_FAILED || c->s->ban_until == 0)
        return 0;
    return now->steady_ms + (left_ms > 0 ? left_ms : 0);
}

static int follow(const struct commit_context *x, const struct now *now, struct changeset *changeset,
                  struct change *c, int from)
{
    struct retry_change change = { .from = from < 0 ? SESSION_STARTING : (enum session_state)from,
                                   .to = c->to,
                                   .cause = c->cause,
                                   .silent = c->silent,
                                   .ban_until = ban_until_ms(c, now),
                                   .relieved = c->relieved,
                                   .connected_ms = c->before.stable_since > 0
                                                       ? now->steady_ms - c->before.stable_since
                                                       : 0 };
    struct reconnect_followed f;
    int r = reconnect_follow(x->db, x->policy, now, x->bridge, c->s->id, &change, rng_next(x->rng), &f);

    if (r == 0 && f.after.phase == RETRY_DUE && f.before.phase != RETRY_DUE)
        c->due_wall = f.due_wall > 0 ? f.due_wall : now->wall_ms;
    if (r == 0 && (f.effect.bridge_outdated || f.effect.bridge_current))
        changeset->outdated = f.effect.bridge_outdated ? 1 : -1;
    return r;
}

static int save(const struct commit_context *x, const struct now *now, struct changeset *changeset,
                struct change *c)
{
    struct session_row row = { 0 };
    int r = sessions_find(x->db, x->bridge, c->s->id, &row);
    int from = r == 0 ? (int)row.state : -1;

    c->s->gone = !c->fresh && (r == SESSIONS_NONE || (r == 0 && row.first_seen != c->s->first_seen));
    if (r < 0 || c->s->gone)
        return r < 0 ? r : 0;
    if (r == SESSIONS_NONE) {
        (void)snprintf(row.bridge, sizeof row.bridge, "%s", x->bridge);
        (void)snprintf(row.id, sizeof row.id, "%s", c->s->id);
        row.first_seen = c->at_wall;
    }
    fill_row(c, now, &row);
    row.suppressed_until = flap_until_ms(x->rules, &c->s->flap);
    c->s->first_seen = row.first_seen;
    r = sessions_save(x->db, &row);
    if (r == 0 && c->moved)
        r = add_history(x, c, from);
    return r == 0 && (c->moved || c->follow) ? follow(x, now, changeset, c, from) : r;
}

/* ---- the changeset --------------------------------------------------------------------------- */

/* A restart that WhatsApp asks for is no instability, nor is a drop that many sessions share. */
static void score_drops(const struct commit_context *x, struct changeset *changeset, bool shared)
{
    for (int i = 0; i < changeset->n && !shared; i++) {
        struct change *c = &changeset->changes[i];
        const struct cause *cause = c->cause;

        if (c->drop && !(cause && cause->plan == PLAN_AT_ONCE))
            (void)flap_drop(x->rules, &c->s->flap, changeset->now);
    }
}

static int save_all(const struct commit_context *x, struct changeset *changeset, const struct now *now)
{
    int r = 0;

    for (int i = 0; r == 0 && i < changeset->n; i++) {
        struct change *c = &changeset->changes[i];

        if (c->row)
            r = save(x, now, changeset, c);
        else if (c->follow)
            r = follow(x, now, changeset, c, (int)c->to);
    }
    return r;
}

static int save_bridge(const struct commit_context *x, const struct bridge_update *update,
                       const struct now *now)
{
    int r = 0;

    if (update->set_health)
        r = reconnect_set_bridge_health(x->db, now, x->bridge, update->health, update->health_detail);
    if (r == 0 && update->set_incident)
        r = reconnect_set_bridge_incident(x->db, now, x->bridge, update->incident, update->incident_detail);
    if (r == 0 && update->swept)
        r = bridges_set_swept(x->db, now, x->bridge, update->swept_from_ms, update->freshness_ms);
    if (r == 0 && update->feed_seq > 0)
        r = bridges_set_feed(x->db, x->bridge, update->feed_after, update->feed_seq);
    if (r == 0 && update->cursor > 0)
        r = cursor_save(x->db, MONITOR_CURSOR, update->cursor, now->wall_ms);
    return r;
}

static const char *reason_of(const struct bridge_update *update, enum alert_kind k)
{
    if (k == ALERT_BRIDGE_DOWN)
        return update->health_detail;
    if (k == ALERT_BRIDGE_UNKNOWN_WORD)
        return update->unknown_word;
    if (k == ALERT_BRIDGE_TWO_OWNERS)
        return update->two_owners;
    if (k == ALERT_WEBHOOKS_DRIFTED)
        return update->drift;
    if (k == ALERT_BRIDGE_TWO_STACKS)
        return update->rival;
    if (k == ALERT_BRIDGE_CHANGED)
        return update->identity;
    return k == ALERT_BRIDGE_INCIDENT ? update->incident_detail : NULL;
}

static bool is_changed(const struct commit_context *x, const struct alert_bridge_facts *facts,
                       enum alert_kind k)
{
    return alert_kind_scope(k) == ALERT_OF_BRIDGE &&
           alert_of_bridge(facts, k, x->alerts->active[k]) != x->alerts->active[k];
}

static int alert_bridge(const struct commit_context *x, const struct alert_bridge_facts *facts,
                        const struct bridge_update *update, int64_t now_wall)
{
    int r = 0;

    if (update->new_word && facts->unknown_word) /* one alert per word: the one before is over */
        r = alert_tracker_bridge(x->alerts, x->db, ALERT_BRIDGE_UNKNOWN_WORD, false, NULL, now_wall);
    for (enum alert_kind k = ALERT_NONE + 1; r == 0 && k < ALERT_KIND_N; k++)
        if (is_changed(x, facts, k))
            r = alert_tracker_bridge(x->alerts, x->db, k, !x->alerts->active[k], reason_of(update, k),
                                     now_wall);
    return r;
}

/* The alert of a session that was deleted is resolved. */
static int alert_gone(const struct commit_context *x, const struct changeset *changeset)
{
    int r = 0;

    for (int i = 0; r == 0 && i < changeset->n; i++)
        if (changeset->changes[i].s->gone) {
            r = alert_tracker_forget(x->alerts, x->db, changeset->changes[i].s, changeset->now_wall);
            changeset->changes[i].s->alert = ALERT_NONE;
        }
    return r;
}

static int change_alerts(const struct commit_context *x, const struct changeset *changeset,
                         const struct bridge_update *update)
{
    struct alert_bridge_facts facts = update->facts;
    int r = alert_gone(x, changeset);

    if (changeset->outdated)
        facts.outdated = changeset->outdated;
    if (r == 0)
        r = alert_bridge(x, &facts, update, changeset->now_wall);
    return r == 0 && !update->quiet ? alert_tracker_sessions(x->alerts, x->db, changeset) : r;
}

static bool has_work(const struct commit_context *x, const struct changeset *changeset,
                     const struct bridge_update *update)
{
    if (changeset->n > 0 || update->cursor > 0 || update->feed_seq > 0 || update->swept ||
        update->set_health || update->set_incident || update->new_word)
        return true;
    for (enum alert_kind k = ALERT_NONE + 1; k < ALERT_KIND_N; k++)
        if (is_changed(x, &update->facts, k))
            return true;
    return false;
}

static int write_all(const struct commit_context *x, struct changeset *changeset,
                     const struct bridge_update *update)
{
    struct now now;
    int r = steady_now(x->db, x->clock, &now);

    if (r == 0)
        r = save_all(x, changeset, &now);
    if (r == 0)
        r = save_bridge(x, update, &now);
    return r == 0 ? change_alerts(x, changeset, update) : r;
}

static int in_transaction(const struct commit_context *x, struct changeset *changeset,
                          const struct bridge_update *update)
{
    int r;

    if (x->role)
        store_role_fence(x->role, x->db);
    r = db_begin(x->db);
    if (r != 0)
        return r;
    r = write_all(x, changeset, update);
    if (r == 0)
        return db_commit(x->db);
    db_rollback(x->db);
    return r;
}

static void drop_gone(struct changeset *changeset)
{
    int kept = 0, n = changeset->n;

    for (int i = 0; i < n; i++)
        if (!changeset->changes[i].s->gone)
            changeset->changes[kept++] = changeset->changes[i];
    changeset->n = kept;
    if (kept == n) /* also with a changeset that was never begun, which has no table */
        return;
    for (int i = session_table_count(changeset->table) - 1; i >= 0; i--)
        if (session_table_at(changeset->table, i)->gone)
            session_table_remove(changeset->table, session_table_at(changeset->table, i));
}

int commit_changeset(const struct commit_context *x, struct changeset *changeset,
                     const struct bridge_update *update)
{
    struct alert_tracker mark = alert_tracker_mark(x->alerts);
    int r;

    if (!has_work(x, changeset, update))
        return COMMIT_NOTHING;
    score_drops(x, changeset, update->quiet || update->shared);
    r = in_transaction(x, changeset, update);
    if (r != 0) {
        alert_tracker_undo(x->alerts, &mark);
        changeset_undo(changeset);
        return r;
    }
    drop_gone(changeset);
    return 0;
}
