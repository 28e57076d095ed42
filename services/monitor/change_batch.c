#include "services/monitor/change_batch.h"

#include <errno.h>

#include "common/base/mem.h"
#include "services/monitor/commit.h"
#include "services/monitor/publish.h"

/* Answers to single questions that come within this are committed together. */
#define BATCH_MS 50

struct change_batch {
    const struct monitor_context *m;
    struct bridge_status *status;
    struct alert_sender *const *sender;
    struct timer *timer;
    struct changeset changeset;
    struct alert_tracker alerts;
    struct commit_context commit;
    void (*on_connected)(void *ctx, const char *id);
    void *ctx;
    int64_t fed, fed_saved; /* the bridge's own position in the log; 0: it has none */
    int64_t drops;          /* that count, since the last change_batch_take_drops() */
    int64_t changes;        /* committed, ever */
};

struct changeset *change_batch_restart(struct change_batch *b)
{
    const struct monitor_context *m = b->m;

    changeset_begin(&b->changeset, m->table, &m->settings->rules, times_steady(&m->times),
                    times_wall(&m->times));
    return &b->changeset;
}

struct changeset *change_batch_changeset(struct change_batch *b)
{
    if (b->changeset.n == 0) {
        (void)change_batch_restart(b);
        timer_start(b->timer, BATCH_MS);
    }
    return &b->changeset;
}

struct change *change_batch_touch(struct change_batch *b, struct tracked_session *s, bool row)
{
    struct changeset *c = change_batch_changeset(b);

    return changeset_touch(c, s, row) == 0 ? &c->changes[c->n - 1] : NULL;
}

void change_batch_undo(struct change_batch *b)
{
    changeset_undo(&b->changeset);
}

static void give_back_one(const struct rules *rules, struct change *c, int64_t now)
{
    bool damped = c->s->flap.suppressed_ms > 0;

    flap_give_back(rules, &c->s->flap, now);
    c->follow = c->relieved = damped && c->s->flap.suppressed_ms == 0 && c->to == SESSION_DISCONNECTED;
}

/* The bridge has dropped them, not they themselves: the points that the flap damping has counted for that are given back. */
static void give_back(struct change_batch *b)
{
    const struct rules *rules = &b->m->settings->rules;
    const struct session_table *table = b->m->table;
    int64_t now = b->changeset.now;

    for (int i = 0; i < session_table_count(table); i++) {
        struct tracked_session *s = session_table_at(table, i);

        if (s->flap.at_ms == 0 || s->flap.at_ms != s->drop_counted_ms ||
            now - s->drop_counted_ms >= rules->incident_window_ms)
            continue;
        if (changeset_touch(&b->changeset, s, true) == 0)
            give_back_one(rules, &b->changeset.changes[b->changeset.n - 1], now);
    }
}

/* Does a mass of drops in this changeset make an incident? Returns how many count. */
static int64_t count_drops(struct change_batch *b)
{
    const struct rules *rules = &b->m->settings->rules;
    const struct changeset *set = &b->changeset;
    int64_t states[SESSION_STATE_N], n = 0;

    for (int i = 0; i < set->n && set->drops > 0; i++) {
        struct tracked_session *s = set->changes[i].s;

        if (!set->changes[i].drop ||
            !incident_counts(rules, s->drop_counted_ms, s->flap.suppressed_ms > 0, set->now))
            continue;
        s->drop_counted_ms = set->now;
        n++;
    }
    b->status->shared = false;
    if (n == 0 && !bridge_status_was_unwell(rules, b->status, set->now))
        return 0;
    session_table_states(b->m->table, states);
    if (bridge_status_drops(rules, b->status, n, states[SESSION_CONNECTED], set->now))
        give_back(b);
    return n;
}

static void note_connected(struct change_batch *b)
{
    for (int i = 0; b->on_connected && i < b->changeset.n; i++) {
        const struct change *c = &b->changeset.changes[i];

        if (c->moved && c->to == SESSION_CONNECTED)
            b->on_connected(b->ctx, c->s->id);
    }
}

static int commit(struct change_batch *b, struct bridge_update *update)
{
    struct bridge_status before = *b->status;
    int64_t drops;
    int r;

    timer_stop(b->timer);
    if (b->changeset.n == 0)
        (void)change_batch_restart(b);
    drops = count_drops(b);
    bridge_status_fill(b->status, update);
    r = commit_changeset(&b->commit, &b->changeset, update);
    if (r == COMMIT_NOTHING)
        return 0;
    store_status_written(b->m->store, r);
    if (r != 0) {
        *b->status = before;
        return r;
    }
    b->drops += drops;
    b->changes += b->changeset.n;
    if (update->feed_seq > 0)
        b->fed = b->fed_saved = update->feed_seq;
    publish_committed(b->m, &b->changeset, update, &b->alerts);
    bridge_status_committed(b->status);
    note_connected(b);
    if (b->changeset.outdated)
        b->status->outdated = b->changeset.outdated;
    changeset_done(&b->changeset);
    if (*b->sender)
        alert_sender_kick(*b->sender);
    return 0;
}

int change_batch_commit(struct change_batch *b, int64_t cursor)
{
    struct bridge_update update = { .cursor = cursor };

    return commit(b, &update);
}

int change_batch_commit_events(struct change_batch *b, int64_t after, int64_t seq)
{
    struct bridge_update update = { .feed_after = after, .feed_seq = seq };

    return commit(b, &update);
}

void change_batch_fed(struct change_batch *b, int64_t seq)
{
    b->fed = seq;
}

int change_batch_commit_sweep(struct change_batch *b, int64_t began_ms, int64_t freshness_ms)
{
    struct bridge_update update = { .swept = true, .swept_from_ms = began_ms, .freshness_ms = freshness_ms };

    if (b->fed != b->fed_saved)
        update.feed_seq = b->fed;

    return commit(b, &update);
}

static void on_timer(void *ctx)
{
    (void)change_batch_commit(ctx, 0);
}

int64_t change_batch_take_drops(struct change_batch *b)
{
    int64_t n = b->drops;

    b->drops = 0;
    return n;
}

int64_t change_batch_take_doubts(struct change_batch *b)
{
    int64_t n = b->changeset.doubts;

    b->changeset.doubts = 0;
    return n;
}

int64_t change_batch_changes(const struct change_batch *b)
{
    return b->changes;
}

int64_t change_batch_alerts_active(const struct change_batch *b)
{
    return alert_tracker_active(&b->alerts, b->m->table);
}

bool change_batch_alert_is_on(const struct change_batch *b, enum alert_kind kind)
{
    return b->alerts.active[kind];
}

int change_batch_load_alerts(struct change_batch *b)
{
    return alert_tracker_load(&b->alerts, b->m->db, b->m->table);
}

int change_batch_open(const struct monitor_context *m, struct bridge_status *status,
                      struct alert_sender *const *sender, struct change_batch **ret)
{
    struct change_batch *b = mem_zalloc(sizeof *b);
    int r;

    if (!b)
        return -ENOMEM;
    b->m = m;
    b->status = status;
    b->sender = sender;
    alert_tracker_init(&b->alerts, &m->settings->rules, m->settings->bridge.name);
    b->commit = (struct commit_context){ .clock = app_clock(m->app),
                                         .rng = app_rng(m->app),
                                         .db = m->db,
                                         .role = m->role,
                                         .rules = &m->settings->rules,
                                         .policy = &m->settings->policy.policy,
                                         .bridge = m->settings->bridge.name,
                                         .alerts = &b->alerts };
    r = timer_open(app_loop(m->app), on_timer, b, &b->timer);
    if (r != 0) {
        change_batch_close(b);
        return r;
    }
    *ret = b;
    return 0;
}

void change_batch_on_connected(struct change_batch *b, void (*fn)(void *ctx, const char *id), void *ctx)
{
    b->on_connected = fn;
    b->ctx = ctx;
}

void change_batch_close(struct change_batch *b)
{
    if (!b)
        return;
    timer_close(b->timer);
    changeset_fini(&b->changeset);
    alert_tracker_fini(&b->alerts);
    mem_free(b);
}
