/*
 * The sessions of a changeset are examined twice: first the tracker counts how many deserve each new alert, then it writes
 * each. Where they are more than rules.alert_group it writes them as a group: each has its row, and one row without a
 * session stands for all of them.
 */
#include "services/monitor/alert_tracker.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "services/monitor/alert_detail.h"

/* Names of a group that are spelled out. */
#define NAMES_MAX 5

void alert_tracker_init(struct alert_tracker *t, const struct rules *rules, const char *bridge)
{
    *t = (struct alert_tracker){ .rules = rules, .bridge = bridge };
}

void alert_tracker_fini(struct alert_tracker *t)
{
    mem_free(t->news);
    t->news = NULL;
    t->n = t->cap = 0;
}

struct loading {
    struct alert_tracker *t;
    struct session_table *table;
};

static int on_alert(void *ctx, const struct alert_row *row)
{
    struct loading *l = ctx;
    enum alert_kind kind = alert_kind_find(row->name);
    struct tracked_session *s = row->session[0] ? session_table_find(l->table, row->session) : NULL;

    if (alert_kind_raiser(kind) != ALERT_BY_MONITOR)
        return 0;
    if (!row->session[0]) {
        l->t->active[kind] = true;
        l->t->since[kind] = row->since;
    } else if (s) {
        s->alert = kind;
        s->alert_since = row->since;
        s->grouped = row->grouped;
        l->t->grouped[kind] += row->grouped;
    }
    return 0;
}

int alert_tracker_load(struct alert_tracker *t, struct db *db, struct session_table *table)
{
    struct loading l = { t, table };

    memset(t->active, 0, sizeof t->active);
    memset(t->grouped, 0, sizeof t->grouped);
    t->n = 0;
    return alerts_each(db, t->bridge, on_alert, &l);
}

struct alert_tracker alert_tracker_mark(const struct alert_tracker *t)
{
    return *t;
}

void alert_tracker_undo(struct alert_tracker *t, const struct alert_tracker *mark)
{
    struct alert_event *news = t->news;
    int cap = t->cap;

    *t = *mark;
    t->news = news;
    t->cap = cap;
}

/* ---- writing one ----------------------------------------------------------------------------- */

static int add_news(struct alert_tracker *t, const struct alert_event *event)
{
    int cap = t->cap ? t->cap * 2 : 8;
    struct alert_event *news;

    if (t->n == t->cap) {
        news = mem_realloc(t->news, (size_t)cap * sizeof *news);
        if (!news)
            return -ENOMEM;
        t->news = news;
        t->cap = cap;
    }
    t->news[t->n++] = *event;
    return 0;
}

/* For the sinks, and for the log line and the message after the commit. */
static int announce(struct alert_tracker *t, struct db *db, const struct alert_event *event, int64_t at)
{
    int r = add_news(t, event);

    if (r == 0)
        r = alerts_note_change(db, &event->row, event->firing, at);

    return r == 0 ? alerts_post(db, ALERTS_SINK_ALL, &event->row, event->firing, at, &t->dropped) : r;
}

static void fill(struct alert_tracker *t, enum alert_kind kind, const char *session,
                 const struct cause *cause, int64_t since, struct alert_event *ret)
{
    *ret = (struct alert_event){ .kind = kind, .row.since = since };
    (void)snprintf(ret->row.name, sizeof ret->row.name, "%s", alert_kind_text(kind));
    (void)snprintf(ret->row.bridge, sizeof ret->row.bridge, "%s", t->bridge);
    (void)snprintf(ret->row.session, sizeof ret->row.session, "%s", session);
    (void)snprintf(ret->row.cause, sizeof ret->row.cause, "%s", cause ? cause->name : "");
}

static void set_message(struct alert_event *event, const struct buf *detail)
{
    (void)snprintf(event->row.detail, sizeof event->row.detail, "%s", buf_str(detail));
}

static void say(struct alert_event *event, bool firing, const char *why)
{
    CLEANUP(buf_fini) struct buf detail = BUF_INIT(ALERTS_DETAIL_MAX - 1);

    event->firing = firing;
    alert_sentence(event->kind, firing, event->row.bridge, event->row.session, why, &detail);
    set_message(event, &detail);
}

/* ---- the bridge, and groups ------------------------------------------------------------------ */

static int begin_without_session(struct alert_tracker *t, struct db *db, struct alert_event *event,
                                 int64_t now_wall)
{
    int r = alerts_raise(db, &event->row);

    if (r != 0)
        return r;
    t->active[event->kind] = true;
    t->since[event->kind] = event->row.since;
    return announce(t, db, event, now_wall);
}

static int end_without_session(struct alert_tracker *t, struct db *db, enum alert_kind kind, int64_t now_wall)
{
    struct alert_event event;
    int r = alerts_clear(db, alert_kind_text(kind), t->bridge, "");

    if (r < 0)
        return r;
    fill(t, kind, "", NULL, t->since[kind], &event);
    if (alert_kind_scope(kind) == ALERT_OF_BRIDGE) {
        say(&event, false, NULL);
    } else {
        (void)snprintf(event.row.detail, sizeof event.row.detail,
                       "the sessions on bridge %s that had %s no longer do", t->bridge,
                       alert_kind_text(kind));
    }
    t->active[kind] = false;
    return announce(t, db, &event, now_wall);
}

int alert_tracker_bridge(struct alert_tracker *t, struct db *db, enum alert_kind kind, bool on,
                         const char *why, int64_t now_wall)
{
    struct alert_event event;

    if (t->active[kind] == on)
        return 0;
    if (!on)
        return end_without_session(t, db, kind, now_wall);
    fill(t, kind, "", NULL, now_wall, &event);
    say(&event, true, why);
    return begin_without_session(t, db, &event, now_wall);
}

/* ---- sessions -------------------------------------------------------------------------------- */

static enum alert_kind wanted(const struct rules *rules, bool bridge_outdated,
                              const struct tracked_session *s, int64_t now_ms)
{
    const struct alert_facts f = { .state = s->known.state,
                                   .cause = s->known.cause,
                                   .parked = s->parked,
                                   .flapping = s->flap.suppressed_ms > 0,
                                   .silent = s->silent_since > 0,
                                   .bridge_outdated = bridge_outdated,
                                   .paired = s->known.paired,
                                   .state_ms = now_ms - s->state_ms,
                                   .down_ms = s->down_ms > 0 ? now_ms - s->down_ms : 0,
                                   .attempting = s->attempting && s->alert == ALERT_NONE,
                                   .raised_ago_ms = s->raised_ms > 0 ? now_ms - s->raised_ms : INT64_MAX,
                                   .current = s->alert };

    return alert_of_session(rules, &f);
}

bool alert_tracker_is_due(const struct rules *rules, bool bridge_outdated, const struct tracked_session *s,
                          int64_t now_ms)
{
    return wanted(rules, bridge_outdated, s, now_ms) != s->alert;
}

int64_t alert_tracker_active(const struct alert_tracker *t, const struct session_table *table)
{
    int64_t n = 0;

    for (int k = 0; k < ALERT_KIND_N; k++)
        n += t->active[k];
    for (int i = 0; i < session_table_count(table); i++) {
        const struct tracked_session *s = session_table_at(table, i);

        n += s->alert != ALERT_NONE && !s->grouped;
    }
    return n;
}

static int end_alert(struct alert_tracker *t, struct db *db, const struct tracked_session *s,
                     enum alert_kind kind, enum alert_kind next, int64_t now_wall)
{
    CLEANUP(buf_fini) struct buf detail = BUF_INIT(ALERTS_DETAIL_MAX - 1);
    struct alert_event event;
    int r = alerts_clear(db, alert_kind_text(kind), t->bridge, s->id);

    if (r < 0)
        return r;
    if (s->grouped)
        return --t->grouped[kind] == 0 && t->active[kind] ? end_without_session(t, db, kind, now_wall) : 0;
    fill(t, kind, s->id, NULL, s->alert_since, &event);
    alert_end_sentence(kind, next, s->parked, s->known.cause, t->bridge, s->id, &detail);
    set_message(&event, &detail);
    return announce(t, db, &event, now_wall);
}

static int begin_alert(struct alert_tracker *t, struct db *db, struct tracked_session *s,
                       enum alert_kind kind, bool group, const struct changeset *at)
{
    const struct alert_detail_at of = { t->rules, t->bridge, at->now, at->now_wall };
    CLEANUP(buf_fini) struct buf why = BUF_INIT(ALERTS_DETAIL_MAX);
    struct alert_event event;
    int r = alert_detail(db, &of, s, &why);

    if (r != 0)
        return r;
    fill(t, kind, s->id, s->known.cause, at->now_wall, &event);
    event.row.grouped = group;
    say(&event, true, buf_str(&why));
    r = alerts_raise(db, &event.row);
    if (r != 0)
        return r;
    s->alert_since = at->now_wall;
    s->grouped = group;
    t->grouped[kind] += group;
    return group ? 0 : announce(t, db, &event, at->now_wall);
}

static int change_alert(struct alert_tracker *t, struct db *db, struct tracked_session *s,
                        enum alert_kind want, bool group, const struct changeset *at)
{
    enum alert_kind current = s->alert;
    int r = 0;

    s->alert = want;
    if (current != ALERT_NONE)
        r = end_alert(t, db, s, current, want, at->now_wall);
    s->grouped = false;
    if (want != ALERT_NONE)
        s->raised_ms = at->now;
    if (r == 0 && want != ALERT_NONE)
        r = begin_alert(t, db, s, want, group, at);
    return r;
}

/* How many sessions of the changeset get which new alert, and the names of some. */
struct alert_group {
    int64_t n[ALERT_KIND_N];
    const struct tracked_session *some[ALERT_KIND_N][NAMES_MAX];
};

static void count(const struct alert_tracker *t, const struct changeset *changeset, struct alert_group *ret)
{
    memset(ret, 0, sizeof *ret);
    for (int i = 0; i < changeset->n; i++) {
        const struct tracked_session *s = changeset->changes[i].s;
        enum alert_kind want = wanted(t->rules, t->active[ALERT_BRIDGE_OUTDATED], s, changeset->now);

        if (want == s->alert || s->gone)
            continue;
        if (ret->n[want] < NAMES_MAX)
            ret->some[want][ret->n[want]] = s;
        ret->n[want]++;
    }
}

static int raise_group(struct alert_tracker *t, struct db *db, const struct alert_group *c,
                       enum alert_kind kind, int64_t now_wall)
{
    CLEANUP(buf_fini) struct buf detail = BUF_INIT(ALERTS_DETAIL_MAX - 1);
    const struct cause *cause = c->some[kind][0]->known.cause;
    struct alert_event event;

    fill(t, kind, "", cause, now_wall, &event);
    event.firing = true;
    event.many = c->n[kind];
    alert_group_sentence(kind, t->bridge, c->n[kind], &detail);
    for (int i = 0; i < NAMES_MAX && i < c->n[kind]; i++)
        (void)buf_addf(&detail, "%s%s", i ? ", " : ": ", c->some[kind][i]->id);
    (void)buf_adds(&detail, " and others");
    set_message(&event, &detail);
    return begin_without_session(t, db, &event, now_wall);
}

int alert_tracker_sessions(struct alert_tracker *t, struct db *db, const struct changeset *changeset)
{
    struct alert_group group_of;
    int r = 0;

    count(t, changeset, &group_of);
    for (int i = 0; r == 0 && i < changeset->n; i++) {
        struct tracked_session *s = changeset->changes[i].s;
        enum alert_kind want = wanted(t->rules, t->active[ALERT_BRIDGE_OUTDATED], s, changeset->now);

        if (want != s->alert && !s->gone)
            r = change_alert(t, db, s, want, group_of.n[want] > t->rules->alert_group, changeset);
    }
    for (enum alert_kind k = ALERT_NONE + 1; r == 0 && k < ALERT_KIND_N; k++)
        if (group_of.n[k] > t->rules->alert_group)
            r = raise_group(t, db, &group_of, k, changeset->now_wall);
    return r;
}

int alert_tracker_forget(struct alert_tracker *t, struct db *db, const struct tracked_session *s,
                         int64_t now_wall)
{
    return s->alert == ALERT_NONE ? 0 : end_alert(t, db, s, s->alert, ALERT_NONE, now_wall);
}

/* ---- after the commit ------------------------------------------------------------------------ */

static void publish(struct app *app, const struct alert_event *event)
{
    struct message m;

    message_init(&m);
    m.type = str_from(topic_type_text(TOPIC_ALERT));
    m.bridge = str_from(event->row.bridge);
    if (event->row.session[0])
        m.session = str_from(event->row.session);
    m.alert = str_from(event->row.name);
    m.status = str_from(event->firing ? "firing" : "resolved");
    m.text = str_from(event->row.detail);
    if (event->row.cause[0])
        m.cause = str_from(event->row.cause);
    app_publish(app, &m);
}

static void write_line(const struct alert_event *event)
{
    if (event->firing)
        log_warn("alert", event->row.detail, KS("alert", event->row.name), KS("bridge", event->row.bridge),
                 KS("session", event->row.session), KS("status", "firing"), KS("cause", event->row.cause));
    else
        log_info("alert", event->row.detail, KS("alert", event->row.name), KS("bridge", event->row.bridge),
                 KS("session", event->row.session), KS("status", "resolved"));
}

void alert_tracker_publish(struct alert_tracker *t, struct app *app)
{
    for (int i = 0; i < t->n; i++) {
        write_line(&t->news[i]);
        publish(app, &t->news[i]);
    }
    t->n = 0;
}
