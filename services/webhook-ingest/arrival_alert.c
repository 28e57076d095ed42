#include "services/webhook-ingest/arrival_alert.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/app/state_store.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/domain/alert_kind.h"
#include "common/store/alerts.h"
#include "common/store/bridges.h"
#include "common/store/store.h"

/* Names that are kept apart. A sender may invent any number of them. */
#define ARRIVALS_MAX 32
/* One refused webhook is a test, and a retry of it comes within seconds. */
#define REFUSED_MIN 3
/* Nobody has sent anything for so long: the alert is over. */
#define QUIET_MS (10 * 60 * 1000)
/* How often state.db is asked whether a monitor watches the bridge. */
#define ASK_MS 2000

enum { REFUSED, UNWATCHED, ALERT_N };
static const enum alert_kind kinds[ALERT_N] = { ALERT_WEBHOOKS_REFUSED, ALERT_WEBHOOKS_UNWATCHED };

/* Times are boot ms, 0: never. */
struct arrival {
    char bridge[BRIDGES_NAME_MAX];
    int64_t refused; /* in a row */
    int64_t first_refused_ms, refused_ms;
    int64_t first_ours_ms, ours_ms; /* a sender that presented a token of ours, taken or not */
    char reason[160];               /* of the newest refusal, and its sender */
    bool known;                     /* state.db has such a bridge … */
    bool watched;                   /* … and the monitor's settings name it */
    int64_t asked_ms;               /* when state.db said so */
    bool raised[ALERT_N];
    int64_t since[ALERT_N]; /* wall ms */
};

struct arrival_alert {
    struct app *app;
    struct state_store state;
    int64_t alert_after_ms;
    struct arrival of[ARRIVALS_MAX];
    int64_t again_ms; /* boot ms before which state.db is left alone */
};

static int64_t now_ms(const struct arrival_alert *a)
{
    struct clock *clock = app_clock(a->app);

    return clock->boot_ms(clock);
}

/* ---- observing ------------------------------------------------------------------------------- */

static int64_t newest_ms(const struct arrival *e)
{
    return e->refused_ms > e->ours_ms ? e->refused_ms : e->ours_ms;
}

/* The entry of that name; a new one takes the place of the one that has been quiet for the longest and is no alert. NULL:
 * there is no place. */
static struct arrival *entry_of(struct arrival_alert *a, struct str bridge)
{
    struct arrival *place = NULL;

    if (bridge.n == 0 || bridge.n >= sizeof place->bridge)
        return NULL;
    for (int i = 0; i < ARRIVALS_MAX; i++) {
        struct arrival *e = &a->of[i];

        if (str_eq(bridge, e->bridge))
            return e;
        if (!e->raised[REFUSED] && !e->raised[UNWATCHED] && (!place || newest_ms(e) < newest_ms(place)))
            place = e;
    }
    if (!place)
        return NULL;
    *place = (struct arrival){ 0 };
    str_copy(bridge, place->bridge, sizeof place->bridge);
    return place;
}

void arrival_alert_refused(struct arrival_alert *a, struct str bridge, int status, const char *detail,
                           struct str peer)
{
    struct arrival *e = status >= 400 && status < 500 ? entry_of(a, bridge) : NULL;

    if (!e)
        return;
    e->refused_ms = now_ms(a);
    if (e->refused++ == 0)
        e->first_refused_ms = e->refused_ms;
    (void)snprintf(e->reason, sizeof e->reason, "%s, HTTP %d, from %.*s", detail, status, (int)peer.n,
                   peer.p ? peer.p : "");
}

static struct arrival *note_ours(struct arrival_alert *a, struct str bridge)
{
    struct arrival *e = entry_of(a, bridge);

    if (!e)
        return NULL;
    e->ours_ms = now_ms(a);
    if (e->first_ours_ms == 0)
        e->first_ours_ms = e->ours_ms;
    return e;
}

void arrival_alert_accepted(struct arrival_alert *a, struct str bridge)
{
    struct arrival *e = note_ours(a, bridge);

    if (e)
        e->refused = 0;
}

void arrival_alert_astray(struct arrival_alert *a, struct str bridge)
{
    (void)note_ours(a, bridge);
}

/* ---- deciding -------------------------------------------------------------------------------- */

/* A name that state.db does not know may be anybody's invention: its refused webhooks are logged and no more. */
static bool is_wanted(const struct arrival_alert *a, const struct arrival *e, int k, int64_t now)
{
    if (k == REFUSED)
        return e->known && e->refused >= REFUSED_MIN &&
               e->refused_ms - e->first_refused_ms >= a->alert_after_ms && now - e->refused_ms < QUIET_MS;
    return e->ours_ms > 0 && !e->watched && now - e->first_ours_ms >= a->alert_after_ms &&
           now - e->ours_ms < QUIET_MS;
}

static void fill(const struct arrival *e, int k, bool firing, struct alert_row *ret)
{
    enum alert_kind kind = kinds[k];

    *ret = (struct alert_row){ .since = e->since[k] };
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

static int write_rows(struct arrival_alert *a, struct arrival *e, int k, bool firing, int64_t now_wall)
{
    struct db *db = a->state.db;
    struct alert_row row;
    int64_t dropped = 0;
    int r;

    e->since[k] = firing ? now_wall : e->since[k];
    fill(e, k, firing, &row);
    r = firing ? alerts_raise(db, &row) : alerts_clear(db, row.name, row.bridge, row.session);
    if (r == 0)
        r = alerts_note_change(db, &row, firing, now_wall);
    return r == 0 ? alerts_post(db, ALERTS_SINK_ALL, &row, firing, now_wall, &dropped) : r;
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
    int r = db_begin(a->state.db);

    if (r != 0)
        return r;
    r = write_rows(a, e, k, firing, clock->wall_ms(clock));
    if (r >= 0 && db_commit(a->state.db) != 0)
        r = -EIO;
    db_rollback(a->state.db);
    return r < 0 ? r : 0;
}

/* The settings of the monitor may have changed since it was asked last. */
static int ask_bridge(struct arrival_alert *a, struct arrival *e, int64_t now)
{
    struct bridge_row row;
    int r = bridges_find(a->state.db, e->bridge, &row);

    if (r < 0)
        return r;
    e->known = r == 0;
    e->watched = r == 0 && row.unwatched_since == 0;
    e->asked_ms = now;
    return 0;
}

static int update(struct arrival_alert *a, struct arrival *e, int64_t now)
{
    int r = now - e->asked_ms >= ASK_MS ? ask_bridge(a, e, now) : 0;

    for (int k = 0; r == 0 && k < ALERT_N; k++) {
        bool firing = is_wanted(a, e, k, now);

        if (firing == e->raised[k])
            continue;
        r = write_alert(a, e, k, firing);
        if (r != 0)
            break;
        e->raised[k] = firing;
        log_change(e, k, firing);
    }
    return r;
}

static bool is_idle(const struct arrival *e, int64_t now)
{
    return !e->raised[REFUSED] && !e->raised[UNWATCHED] && now - newest_ms(e) >= QUIET_MS;
}

void arrival_alert_second(struct arrival_alert *a)
{
    int64_t now = now_ms(a), wait_ms;
    int r = 0;

    if (now < a->again_ms)
        return;
    for (int i = 0; r == 0 && i < ARRIVALS_MAX; i++) {
        if (!a->of[i].bridge[0] || is_idle(&a->of[i], now))
            continue;
        r = state_store_open(&a->state);
        if (r == 0)
            r = update(a, &a->of[i], now);
    }
    wait_ms = state_store_result(&a->state, r);
    a->again_ms = wait_ms > 0 ? now + wait_ms : 0;
}

/* ---- opening --------------------------------------------------------------------------------- */

/* An earlier run has raised it: it stays until webhooks are taken, or nobody sends any more. */
static int on_row(void *ctx, const struct alert_row *row)
{
    struct arrival_alert *a = ctx;
    int64_t now = now_ms(a);

    for (int k = 0; k < ALERT_N; k++) {
        struct arrival *e =
            strcmp(row->name, alert_kind_text(kinds[k])) == 0 ? entry_of(a, str_from(row->bridge)) : NULL;

        if (!e)
            continue;
        e->raised[k] = true;
        e->known = true;
        e->since[k] = row->since;
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

int arrival_alert_open(struct app *app, const char *data_dir, int64_t alert_after_ms,
                       struct arrival_alert **ret)
{
    struct arrival_alert *a = mem_zalloc(sizeof *a);
    struct db *db = NULL;

    if (!a)
        return -ENOMEM;
    a->app = app;
    a->alert_after_ms = alert_after_ms;
    a->state = STATE_STORE(data_dir, "an alert about webhooks that reach nobody is raised later");
    if (db_open_state_reader(data_dir, &db) == 0)
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
    mem_free(a);
}
