#include "services/monitor/subscription_watch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/app/bridge_settings.h"
#include "common/app/webhook_url.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/ops/subscription.h"
#include "common/store/audit.h"
#include "services/monitor/bridge_call.h"

/* No bridge feels a call a second. */
#define APART_MS 1000
/* The first round begins after the first sweeps; the bridges of a stack begin at different times. */
#define BEGIN_MS 10000
/* Without a driver, or while the bridge is in trouble. */
#define AGAIN_MS 5000
/* The webhook of another zapkeep: an operator is asked to remove it. */
#define RIVAL_AGAIN_MS (60 * 1000LL)
/* Without Retry-After. */
#define THROTTLED_MS (60 * 1000LL)
/* Sessions that have connected and wait for their check: those of a mass are found by the round. */
#define QUEUE_MAX        256
#define HTTP_CONNECTIONS 1

struct waiting {
    char id[SESSIONS_ID_MAX];
    int64_t due_ms; /* steady */
};

struct subscription_watch {
    struct subscription_watch_options o;
    struct http_client *client;
    struct timer *timer;
    bool closing, busy;
    char url[SETTINGS_VALUE_MAX];
    struct subscription_want want;

    struct waiting queue[QUEUE_MAX]; /* circular, in order of due_ms */
    int queue_at, queue_n;
    int index;                              /* of the round, in the session table */
    bool first_round;                       /* is made as fast as may be */
    int64_t round_due_ms;                   /* steady: its next session */
    int64_t drift_read_ms;                  /* steady: the rows of the bridge were read for drifts */
    int64_t wait_ms;                        /* steady: the bridge is not called before this */
    const struct bridge_driver *unreadable; /* its row is written */

    int64_t rival_due_ms;           /* steady: it is asked for the webhook of another zapkeep again */
    char rival_id[SESSIONS_ID_MAX]; /* o.status->rival_hook is a webhook of this session */
    char id[SESSIONS_ID_MAX];       /* that is checked */
    struct subscription_check check;
    struct subscription_row before;
};

static const struct rules *rules_of(const struct subscription_watch *w)
{
    return &w->o.m->settings->rules;
}

static int64_t now_ms(const struct subscription_watch *w)
{
    return times_steady(&w->o.m->times);
}

static const char *bridge_of(const struct subscription_watch *w)
{
    return w->o.m->settings->bridge.name;
}

/* Puts this bridge's drifted subscriptions into its status; the alert follows with the commit. */
static int read_drift(struct subscription_watch *w)
{
    struct subscription_overview all;
    int r = subscription_overview(w->o.m->db, bridge_of(w), &all);

    w->drift_read_ms = now_ms(w);
    if (r == 0)
        (void)subscription_drift_text(&all, w->o.status->drift, sizeof w->o.status->drift);
    return r;
}

/* ---- which session is next ------------------------------------------------------------------- */

static int64_t apart_ms(const struct bridge_driver *d)
{
    return d->subscription->apart_ms > APART_MS ? d->subscription->apart_ms : APART_MS;
}

/* From one session of the round to the next. */
static int64_t round_gap_ms(const struct subscription_watch *w, const struct bridge_driver *d)
{
    int64_t gap_ms = rules_of(w)->webhook_check_ms / (session_table_count(w->o.m->table) + 1);

    return w->first_round || gap_ms < apart_ms(d) ? apart_ms(d) : gap_ms;
}

static bool is_to_be_checked(const struct tracked_session *s)
{
    return s && s->known.state == SESSION_CONNECTED && !s->gone;
}

/* The first of the queue that is due. */
static const char *next_queued(struct subscription_watch *w)
{
    while (w->queue_n > 0 && w->queue[w->queue_at].due_ms <= now_ms(w)) {
        const char *id = w->queue[w->queue_at].id;

        w->queue_at = (w->queue_at + 1) % QUEUE_MAX;
        w->queue_n--;
        if (is_to_be_checked(session_table_find(w->o.m->table, id)))
            return id;
    }
    return NULL;
}

static void end_round(struct subscription_watch *w)
{
    w->index = 0;
    w->first_round = false;
    w->round_due_ms = now_ms(w) + rules_of(w)->webhook_check_ms / (session_table_count(w->o.m->table) + 1);
}

static const char *next_of_round(struct subscription_watch *w, const struct bridge_driver *d)
{
    const struct session_table *table = w->o.m->table;

    if (now_ms(w) < w->round_due_ms)
        return NULL;
    w->round_due_ms = now_ms(w) + round_gap_ms(w, d);
    while (w->index < session_table_count(table)) {
        const struct tracked_session *s = session_table_at(table, w->index++);

        if (is_to_be_checked(s))
            return s->id;
    }
    end_round(w);
    return NULL;
}

static void on_connected(void *ctx, const char *id)
{
    struct subscription_watch *w = ctx;
    struct waiting *last;

    if (w->queue_n == QUEUE_MAX)
        return;
    last = &w->queue[(w->queue_at + w->queue_n++) % QUEUE_MAX];
    (void)snprintf(last->id, sizeof last->id, "%s", id);
    last->due_ms = now_ms(w) + rules_of(w)->webhook_check_after_ms;
    if (w->queue_n == 1 && !w->busy)
        timer_start(w->timer, rules_of(w)->webhook_check_after_ms);
}

/* ---- the result ------------------------------------------------------------------------------ */

static void write_line(const struct subscription_watch *w, const struct subscription_row *row)
{
    bool news = subscription_repair_was_tried(w->check.repaired) ||
                (w->check.repaired != SUBSCRIPTION_NOT_SET && row->repair != w->before.repair);

    if (w->check.repaired == SUBSCRIPTION_SET)
        log_warn("subscription-set",
                 "a session's webhook subscription had changed at the bridge and was set again",
                 KS("bridge", bridge_of(w)), KS("session", w->id));
    else if (news && row->state == SUBSCRIPTION_DRIFTED)
        log_warn("subscription-not-set", "a session's webhook subscription has changed at the bridge",
                 KS("bridge", bridge_of(w)), KS("session", w->id), KS("reason", row->detail),
                 KS("repair", subscription_repair_text(w->check.repaired)));
    else if (row->state == SUBSCRIPTION_DRIFTED && w->before.state != SUBSCRIPTION_DRIFTED)
        log_warn(
            "subscription-drifted",
            "a session's webhook subscription has changed at the bridge; `zapkeep bridge check --repair` "
            "sets it again",
            KS("bridge", bridge_of(w)), KS("session", w->id), KS("reason", row->detail));
}

/* A repair changes the bridge: it is in the audit list, as an operator's own would be. */
static int audit(const struct subscription_watch *w, int64_t wall)
{
    struct audit_row row = { .at = wall, .ok = w->check.repaired == SUBSCRIPTION_SET };
    int64_t n;

    if (!subscription_repair_was_tried(w->check.repaired))
        return 0;
    (void)snprintf(row.actor, sizeof row.actor, "monitor");
    (void)snprintf(row.action, sizeof row.action, "bridge.repair");
    (void)snprintf(row.bridge, sizeof row.bridge, "%s", bridge_of(w));
    (void)snprintf(row.session, sizeof row.session, "%s", w->id);
    (void)snprintf(row.detail, sizeof row.detail, "%s", subscription_repair_text(w->check.repaired));
    return audit_add(w->o.m->db, &row, &n);
}

/* One of another zapkeep beside ours: two stacks. A session that has it is asked again soon, as an operator is asked to remove it. */
static void note_rival(struct subscription_watch *w)
{
    const char *other = w->check.result.other;
    char *text = w->o.status->rival_hook;

    if (w->check.result.state == SUBSCRIPTION_UNKNOWN)
        return;
    if (*other && !*text) {
        str_copy(str_from(w->id), w->rival_id, sizeof w->rival_id);
        (void)snprintf(text, BRIDGES_DETAIL_MAX, "session %.60s posts its webhooks to %.100s, too", w->id,
                       other);
    } else if (!*other && strcmp(w->id, w->rival_id) == 0) {
        w->rival_id[0] = text[0] = '\0';
    }
}

/* Its session was deleted, or is not connected: its posts are no evidence any more. */
static void forget_rival(struct subscription_watch *w)
{
    if (!w->rival_id[0] || is_to_be_checked(session_table_find(w->o.m->table, w->rival_id)))
        return;
    w->rival_id[0] = w->o.status->rival_hook[0] = '\0';
    (void)change_batch_commit(w->o.batch, 0);
}

/* Returns 0, or -errno: not written. */
static int record(struct subscription_watch *w)
{
    const struct monitor_context *m = w->o.m;
    int64_t wall = times_wall(&m->times);
    struct subscription_row row;
    int r = context_act(m);

    if (r == 0)
        r = subscription_record(m->db, bridge_of(w), w->id, &w->check, wall, &row);
    if (r == 0)
        r = audit(w, wall);
    store_status_written(m->store, r);
    if (r != 0)
        return r;
    write_line(w, &row);
    note_rival(w);
    if ((row.state == SUBSCRIPTION_DRIFTED) != (w->before.state == SUBSCRIPTION_DRIFTED))
        r = read_drift(w);
    if (r == 0)
        (void)change_batch_commit(w->o.batch, 0);
    return 0;
}

/* ---- calls ----------------------------------------------------------------------------------- */

static void send(struct subscription_watch *w);

static void end(struct subscription_watch *w)
{
    const struct bridge_driver *d = w->check.driver;

    w->busy = false;
    (void)record(w); /* if not now, then with the session's next check */
    subscription_check_fini(&w->check);
    timer_start(w->timer, apart_ms(d));
}

static void on_answer(void *ctx, const struct http_answer *a)
{
    struct subscription_watch *w = ctx;
    struct bridge_answer answer = bridge_call_answer(a);

    if (w->closing)
        return;
    if (a->status == 429)
        w->wait_ms = now_ms(w) + (a->retry_after_s > 0 ? a->retry_after_s * 1000 : THROTTLED_MS);
    if (!subscription_check_take(&w->check, &answer))
        end(w);
    else if (w->check.pause_ms > 0)
        timer_start(w->timer, w->check.pause_ms);
    else
        send(w);
}

static void send(struct subscription_watch *w)
{
    struct bridge_request req = w->check.request;

    w->check.request = BRIDGE_REQUEST_NULL;
    if (bridge_call_send(w->client, 0, &req, HTTP_CALL_TIMEOUT_MS, on_answer, w) == 0)
        return;
    w->busy = false; /* without memory: the next round */
    timer_start(w->timer, AGAIN_MS);
}

/* Sets w->check. Returns 1: its request is to be sent, 0: there is nothing to call, or -errno. */
static int begin(struct subscription_watch *w, const struct bridge_driver *d, const char *id)
{
    bool may;
    int r;

    str_copy(str_from(id), w->id, sizeof w->id);
    w->before = (struct subscription_row){ 0 };
    r = subscriptions_find(w->o.m->db, bridge_of(w), id, &w->before);
    if (r < 0)
        return r;
    may = w->o.m->settings->webhook_repair && subscription_may_repair(&w->before, times_wall(&w->o.m->times));
    w->check = (struct subscription_check){ .driver = d,
                                            .target = w->o.target,
                                            .want = &w->want,
                                            .id = w->id,
                                            .repair = may,
                                            .repair_none = may && w->before.right_at > 0 };
    return subscription_check_begin(&w->check);
}

/* One row says why this bridge shows nothing. Returns 0, or -errno: it is not written yet. */
static int record_unreadable(struct subscription_watch *w, const struct bridge_driver *d)
{
    int r;

    if (w->unreadable == d)
        return 0;
    r = begin(w, d, "");
    if (r == 0)
        r = record(w);
    if (r == 0)
        w->unreadable = d;
    return r;
}

static void check_next(struct subscription_watch *w, const struct bridge_driver *d)
{
    const char *id = next_queued(w);

    if (!id && w->rival_id[0] && now_ms(w) >= w->rival_due_ms) {
        w->rival_due_ms = now_ms(w) + RIVAL_AGAIN_MS;
        id = w->rival_id;
    }
    if (!id)
        id = next_of_round(w, d);
    if (!id || begin(w, d, id) <= 0)
        return;
    w->busy = true;
    send(w);
}

/* Until something is due. */
static int64_t idle_ms(const struct subscription_watch *w)
{
    int64_t due_ms = w->round_due_ms;

    if (w->queue_n > 0 && w->queue[w->queue_at].due_ms < due_ms)
        due_ms = w->queue[w->queue_at].due_ms;
    if (w->wait_ms > due_ms)
        due_ms = w->wait_ms;
    if (w->rival_id[0] && w->rival_due_ms < due_ms)
        due_ms = w->rival_due_ms;
    if (w->o.status->drift[0] && due_ms > now_ms(w) + AGAIN_MS) /* somebody may repair it meanwhile */
        due_ms = now_ms(w) + AGAIN_MS;
    return due_ms > now_ms(w) + APART_MS ? due_ms - now_ms(w) : APART_MS;
}

static void on_timer(void *ctx)
{
    struct subscription_watch *w = ctx;
    const struct bridge_driver *d = w->o.driver(w->o.ctx);
    int64_t wait_ms;

    if (w->busy) {
        send(w); /* the pause of a procedure is over */
        return;
    }
    if (!d || bridge_status_is_quiet(w->o.status) || !bridge_status_is_up(w->o.status)) {
        timer_start(w->timer, AGAIN_MS);
        return;
    }
    if (!d->subscription) {
        w->queue_n = 0;
        wait_ms = rules_of(w)->webhook_check_ms;
        if (record_unreadable(w, d) != 0 && wait_ms > AGAIN_MS)
            wait_ms = AGAIN_MS;
        timer_start(w->timer, wait_ms);
        return;
    }
    if (w->o.status->drift[0] && now_ms(w) - w->drift_read_ms >= AGAIN_MS &&
        read_drift(w) == 0) /* repaired by hand, or its session was deleted */
        (void)change_batch_commit(w->o.batch, 0);
    forget_rival(w);
    if (now_ms(w) >= w->wait_ms)
        check_next(w, d);
    if (!w->busy)
        timer_start(w->timer, idle_ms(w));
}

/* ---- opening --------------------------------------------------------------------------------- */

static void set_want(struct subscription_watch *w)
{
    const struct monitor_settings *s = w->o.m->settings;

    webhook_url(s->webhook_url, s->ingest_listen, &s->bridge, w->url, sizeof w->url);
    w->want = (struct subscription_want){
        .url = w->url, .any_host = !*s->webhook_url, .tokens = s->webhook_token, .secrets = s->webhook_secret
    };
}

/* The same in each run, and other for each bridge. */
static int64_t begin_ms(const struct subscription_watch *w)
{
    int64_t most_ms = rules_of(w)->webhook_check_ms;
    uint32_t h = 0;

    for (const char *c = bridge_of(w); *c; c++)
        h = h * 31 + (unsigned char)*c;
    return BEGIN_MS + h % BEGIN_MS < most_ms ? BEGIN_MS + h % BEGIN_MS : most_ms;
}

int subscription_watch_open(const struct subscription_watch_options *o, struct subscription_watch **ret)
{
    struct subscription_watch *w = mem_zalloc(sizeof *w);
    int r;

    if (!w)
        return -ENOMEM;
    w->o = *o;
    w->first_round = true;
    set_want(w);
    r = read_drift(w);
    if (r == 0)
        r = http_client_open(app_loop(o->m->app), HTTP_CONNECTIONS, &w->client);
    if (r == 0)
        bridge_target_prepare(o->target, w->client);
    if (r == 0)
        r = timer_open(app_loop(o->m->app), on_timer, w, &w->timer);
    if (r != 0) {
        subscription_watch_close(w);
        return r;
    }
    change_batch_on_connected(o->batch, on_connected, w);
    timer_start(w->timer, begin_ms(w));
    *ret = w;
    return 0;
}

void subscription_watch_close(struct subscription_watch *w)
{
    if (!w)
        return;
    w->closing = true;
    change_batch_on_connected(w->o.batch, NULL, NULL);
    http_client_close(w->client); /* calls in flight are cancelled, and call back now */
    timer_close(w->timer);
    subscription_check_fini(&w->check);
    mem_free(w);
}
