#include "services/webhook-ingest/arrival_alert.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "common/app/state_store.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/domain/alert_kind.h"
#include "common/store/alerts.h"
#include "common/store/bridges.h"
#include "common/store/store.h"
#include "services/webhook-ingest/alert_write.h"

/* Names that no setting has and that are kept apart: a sender may invent any number of them. Those of the settings all have
 * their place. */
#define STRANGERS_MAX 32
/* One refused webhook is a test, and a retry of it comes within seconds. */
#define REFUSED_MIN 3
/* Nobody has sent anything for so long: the alert is over. */
#define QUIET_MS (10 * 60 * 1000)
/* How often the state is asked whether a monitor watches the bridge. */
#define ASK_MS 2000
/* … in a database server, while all is well: it costs a connection. */
#define ASK_SERVER_MS (30 * 1000)

enum { REFUSED, UNWATCHED, ALERT_N };
static const enum alert_kind kinds[ALERT_N] = { ALERT_WEBHOOKS_REFUSED, ALERT_WEBHOOKS_UNWATCHED };

/* The state's side of it. Times are boot ms, 0: never. */
struct recorded {
    bool known;           /* the state has such a bridge … */
    bool watched;         /* … and the monitor's settings name it */
    int64_t asked_ms;     /* when the state said so */
    bool taken_elsewhere; /* another webhook-ingest has taken webhooks: not all are refused */
    bool raised[ALERT_N];
    int64_t since[ALERT_N]; /* wall ms */
};

struct arrival {
    char bridge[BRIDGES_NAME_MAX];
    bool is_configured;
    int64_t refused; /* in a row */
    int64_t first_refused_ms, refused_ms;
    int64_t first_ours_ms, ours_ms; /* a sender that presented a token of ours, taken or not */
    char reason[160];               /* of the newest refusal, and its sender */
    struct recorded recorded;
    bool busy; /* arrival_alert_second() works on a copy: it keeps its place */
};

struct arrival_alert {
    struct app *app;
    struct state_store state;
    int64_t alert_after_ms;
    int64_t again_ms; /* boot ms before which the state is left alone */
    pthread_mutex_t lock;
    struct arrival *of; /* under the lock, as all below. An entry keeps its index */
    int n, cap;
};

static int64_t now_ms(const struct arrival_alert *a)
{
    return app_boot_ms(a->app);
}

/* ---- observing ------------------------------------------------------------------------------- */

static int64_t newest_ms(const struct arrival *e)
{
    return e->refused_ms > e->ours_ms ? e->refused_ms : e->ours_ms;
}

static bool is_raised(const struct arrival *e)
{
    return e->recorded.raised[REFUSED] || e->recorded.raised[UNWATCHED];
}

/* A place for one more; NULL: there is no memory. */
static struct arrival *add_entry(struct arrival_alert *a)
{
    if (a->n == a->cap) {
        int cap = a->cap ? 2 * a->cap : STRANGERS_MAX;
        struct arrival *of = mem_realloc(a->of, (size_t)cap * sizeof *of);

        if (!of)
            return NULL;
        a->of = of;
        a->cap = cap;
    }
    return &a->of[a->n++];
}

/* Whose place a stranger may have: one without a token before one with a token, and the quietest of them. */
static bool goes_before(const struct arrival *e, const struct arrival *other)
{
    if ((e->ours_ms == 0) != (other->ours_ms == 0))
        return e->ours_ms == 0;
    return newest_ms(e) < newest_ms(other);
}

/* A place for a name that no setting has; @is_ours: its sender has a token. NULL: there is none. */
static struct arrival *stranger_entry(struct arrival_alert *a, bool is_ours)
{
    struct arrival *place = NULL;
    int strangers = 0;

    for (int i = 0; i < a->n; i++) {
        struct arrival *e = &a->of[i];

        strangers += !e->is_configured;
        if (!e->is_configured && !is_raised(e) && !e->busy && (!place || goes_before(e, place)))
            place = e;
    }
    if (strangers < STRANGERS_MAX)
        return add_entry(a);
    return place && (is_ours || place->ours_ms == 0) ? place : NULL;
}

/* The entry of that name, a new one where there is none. NULL: there is no place. */
static struct arrival *entry_of(struct arrival_alert *a, struct str bridge, bool is_configured, bool is_ours)
{
    struct arrival *e;

    if (bridge.n == 0 || bridge.n >= sizeof e->bridge)
        return NULL;
    for (int i = 0; i < a->n; i++) {
        if (str_eq(bridge, a->of[i].bridge)) {
            a->of[i].is_configured = is_configured;
            return &a->of[i];
        }
    }
    e = is_configured ? add_entry(a) : stranger_entry(a, is_ours);
    if (!e)
        return NULL;
    *e = (struct arrival){ .is_configured = is_configured };
    str_copy(bridge, e->bridge, sizeof e->bridge);
    return e;
}

static void note_refused(struct arrival *e, int64_t now, int status, const char *detail, struct str peer)
{
    e->refused_ms = now;
    if (e->refused++ == 0)
        e->first_refused_ms = e->refused_ms;
    (void)snprintf(e->reason, sizeof e->reason, "%s, HTTP %d, from %.*s", detail, status, (int)peer.n,
                   peer.p ? peer.p : "");
}

void arrival_alert_refused(struct arrival_alert *a, struct str bridge, bool is_configured, int status,
                           const char *detail, struct str peer)
{
    struct arrival *e;

    if (status < 400 || status >= 500)
        return;
    (void)pthread_mutex_lock(&a->lock);
    e = entry_of(a, bridge, is_configured, false);
    if (e)
        note_refused(e, now_ms(a), status, detail, peer);
    (void)pthread_mutex_unlock(&a->lock);
}

static void note_ours(struct arrival_alert *a, struct str bridge, bool is_configured, bool taken)
{
    struct arrival *e;

    (void)pthread_mutex_lock(&a->lock);
    e = entry_of(a, bridge, is_configured, true);
    if (e) {
        e->ours_ms = now_ms(a);
        e->first_ours_ms = e->first_ours_ms == 0 ? e->ours_ms : e->first_ours_ms;
        e->refused = taken ? 0 : e->refused;
    }
    (void)pthread_mutex_unlock(&a->lock);
}

void arrival_alert_accepted(struct arrival_alert *a, struct str bridge, bool is_configured)
{
    note_ours(a, bridge, is_configured, true);
}

void arrival_alert_astray(struct arrival_alert *a, struct str bridge)
{
    note_ours(a, bridge, false, false);
}

/* ---- deciding -------------------------------------------------------------------------------- */

/* Has it lasted for so long that the state decides? */
static bool is_due(const struct arrival_alert *a, const struct arrival *e, int k, int64_t now)
{
    if (k == REFUSED)
        return e->refused >= REFUSED_MIN && e->refused_ms - e->first_refused_ms >= a->alert_after_ms &&
               now - e->refused_ms < QUIET_MS;
    return e->ours_ms > 0 && now - e->first_ours_ms >= a->alert_after_ms && now - e->ours_ms < QUIET_MS;
}

/* A name that the state does not know may be anybody's invention: its refused webhooks are logged and no more. */
static bool is_wanted(const struct arrival_alert *a, const struct arrival *e, int k, int64_t now)
{
    return is_due(a, e, k, now) &&
           (k == REFUSED ? e->recorded.known && !e->recorded.taken_elsewhere : !e->recorded.watched);
}

static void fill(const struct arrival *e, int k, bool firing, struct alert_row *ret)
{
    enum alert_kind kind = kinds[k];

    *ret = (struct alert_row){ .since = e->recorded.since[k] };
    (void)snprintf(ret->name, sizeof ret->name, "%s", alert_kind_text(kind));
    (void)snprintf(ret->bridge, sizeof ret->bridge, "%s", e->bridge);
    if (!firing)
        (void)snprintf(ret->detail, sizeof ret->detail, "bridge %s is no longer %s", e->bridge,
                       alert_kind_state(kind));
    else
        (void)snprintf(ret->detail, sizeof ret->detail, "bridge %s is %s: %s%s%s%s", e->bridge,
                       alert_kind_state(kind), alert_kind_detail(kind), k == REFUSED ? " (" : "",
                       k == REFUSED ? e->reason : "", k == REFUSED ? ")" : "");
}

static void log_change(const struct arrival *e, int k, bool firing)
{
    struct alert_row row;

    fill(e, k, firing, &row);
    if (firing)
        log_warn("webhooks-astray", row.detail, KS("alert", row.name), KS("bridge", e->bridge));
    else
        log_info("webhooks-arrive", row.detail, KS("alert", row.name), KS("bridge", e->bridge));
}

static int write_alert(struct arrival_alert *a, struct arrival *e, int k, bool firing)
{
    struct clock *clock = app_clock(a->app);
    int64_t now_wall = clock->wall_ms(clock);
    struct alert_row row;

    e->recorded.since[k] = firing ? now_wall : e->recorded.since[k];
    fill(e, k, firing, &row);
    return alert_write(&a->state, &row, firing, now_wall);
}

/* Another webhook-ingest may have ended an alert that is on here. */
static int on_known(void *ctx, const struct alert_row *row)
{
    bool *there = ctx;

    for (int k = 0; k < ALERT_N; k++)
        there[k] = there[k] || strcmp(row->name, alert_kind_text(kinds[k])) == 0;
    return 0;
}

/* The settings of the monitor may have changed since it was asked last. */
static int ask_state(struct arrival_alert *a, struct arrival *e, int64_t now)
{
    struct recorded *s = &e->recorded;
    bool there[ALERT_N] = { false };
    struct bridge_row row;
    int r = state_store_open(&a->state);

    if (r == 0)
        r = bridges_find(a->state.db, e->bridge, &row);
    if (r < 0)
        return r;
    s->known = r == 0;
    s->watched = r == 0 && row.unwatched_since == 0;
    r = is_raised(e) ? alerts_each(a->state.db, e->bridge, on_known, there) : 0;
    if (r != 0)
        return r;
    s->taken_elsewhere = s->raised[REFUSED] && !there[REFUSED];
    s->raised[UNWATCHED] = s->raised[UNWATCHED] && there[UNWATCHED];
    s->asked_ms = now;
    return 0;
}

static bool must_ask(const struct arrival_alert *a, const struct arrival *e, int64_t now)
{
    int64_t ask_ms = store_is_server(a->state.dir) && !is_raised(e) ? ASK_SERVER_MS : ASK_MS;

    if (!is_due(a, e, REFUSED, now) && !is_due(a, e, UNWATCHED, now))
        return false;
    return e->recorded.asked_ms == 0 || now - e->recorded.asked_ms >= ask_ms;
}

static int update(struct arrival_alert *a, struct arrival *e, int64_t now)
{
    int r = must_ask(a, e, now) ? ask_state(a, e, now) : 0;

    for (int k = 0; r == 0 && k < ALERT_N; k++) {
        bool firing = is_wanted(a, e, k, now);

        if (firing == e->recorded.raised[k])
            continue;
        r = write_alert(a, e, k, firing);
        if (r < 0)
            break;
        r = 0;
        e->recorded.raised[k] = firing;
        log_change(e, k, firing);
    }
    return r;
}

static bool is_idle(const struct arrival *e, int64_t now)
{
    return !is_raised(e) && now - newest_ms(e) >= QUIET_MS;
}

/* A copy of entry @i, which keeps its place until it is put back. Returns false: nothing is to be done for it. */
static bool take_entry(struct arrival_alert *a, int i, int64_t now, struct arrival *ret)
{
    bool busy;

    (void)pthread_mutex_lock(&a->lock);
    busy = !is_idle(&a->of[i], now);
    a->of[i].busy = busy;
    *ret = a->of[i];
    (void)pthread_mutex_unlock(&a->lock);
    return busy;
}

static void put_back(struct arrival_alert *a, int i, const struct arrival *e)
{
    (void)pthread_mutex_lock(&a->lock);
    a->of[i].recorded = e->recorded;
    if (e->recorded.taken_elsewhere)
        a->of[i].refused = 0;
    a->of[i].recorded.taken_elsewhere = false;
    a->of[i].busy = false;
    (void)pthread_mutex_unlock(&a->lock);
}

static int entries(struct arrival_alert *a)
{
    int n;

    (void)pthread_mutex_lock(&a->lock);
    n = a->n;
    (void)pthread_mutex_unlock(&a->lock);
    return n;
}

void arrival_alert_second(struct arrival_alert *a)
{
    int64_t now = now_ms(a), wait_ms;
    int r = 0, n;

    if (now < a->again_ms)
        return;
    n = entries(a);
    for (int i = 0; r == 0 && i < n; i++) {
        struct arrival e;

        if (!take_entry(a, i, now, &e))
            continue;
        r = update(a, &e, now);
        put_back(a, i, &e);
    }
    wait_ms = state_store_result(&a->state, r);
    alert_write_done(&a->state);
    a->again_ms = wait_ms > 0 ? now + wait_ms : 0;
}

/* ---- opening --------------------------------------------------------------------------------- */

/* An earlier run has raised it: it stays until webhooks are taken, or nobody sends any more. */
static int on_row(void *ctx, const struct alert_row *row)
{
    struct arrival_alert *a = ctx;
    int64_t now = now_ms(a);

    for (int k = 0; k < ALERT_N; k++) {
        struct arrival *e = strcmp(row->name, alert_kind_text(kinds[k])) == 0
                                ? entry_of(a, str_from(row->bridge), false, true)
                                : NULL;

        if (!e)
            continue;
        e->recorded.raised[k] = true;
        e->recorded.known = true;
        e->recorded.since[k] = row->since;
        if (k == UNWATCHED) {
            e->ours_ms = now;
            e->first_ours_ms = now - a->alert_after_ms;
        } else {
            e->refused = REFUSED_MIN;
            e->refused_ms = now;
            e->first_refused_ms = now - a->alert_after_ms;
        }
    }
    return 0;
}

int arrival_alert_open(struct app *app, const char *store, int64_t alert_after_ms, struct arrival_alert **ret)
{
    struct arrival_alert *a = mem_zalloc(sizeof *a);
    struct db *db = NULL;

    if (!a)
        return -ENOMEM;
    a->app = app;
    (void)pthread_mutex_init(&a->lock, NULL);
    a->alert_after_ms = alert_after_ms;
    a->state = STATE_STORE(store, "an alert about webhooks that reach nobody is raised later");
    if (db_open_state_reader(store, &db) == 0)
        (void)alerts_each(db, NULL, on_row, a);
    db_close(db);
    *ret = a;
    return 0;
}

void arrival_alert_close(struct arrival_alert *a)
{
    if (!a)
        return;
    state_store_close(&a->state);
    (void)pthread_mutex_destroy(&a->lock);
    mem_free(a->of);
    mem_free(a);
}
