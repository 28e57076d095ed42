#include "services/console/overview.h"

#include <errno.h>
#include <stdio.h>

#include "common/app/heartbeat.h"
#include "common/base/instance_lock.h"
#include "common/base/mem.h"
#include "common/ops/destination.h"
#include "common/ops/status_roles.h"
#include "services/console/session_list.h"
#include "services/console/stores.h"

/* ---- services -------------------------------------------------------------------------------- */

struct service {
    const char *shown, *name;
    const char *lock; /* held while it lives: a kill shows at once. NULL: signs of life alone */
    enum problem_area area;
    const char *key, *text;
};
static const struct service services[OVERVIEW_SERVICES] = {
    { "monitor", "monitor", NULL, PROBLEM_AREA_MONITOR, NULL,
      NULL }, /* status_problems() says it for each bridge */
    { "ingest", "webhook-ingest", EVENTS_LOCK_FILE, PROBLEM_AREA_INGEST, "ingest-dead",
      "webhook-ingest is dead: bridges get no answer, and webhooks are lost unless they send them again; "
      "start "
      "zapkeep-ingest" },
    { "reconnect", "reconnect-worker", NULL, PROBLEM_AREA_WORKERS, "workers-dead",
      "all reconnect-workers are dead: nothing is attempted; start zapkeep-reconnect" },
    { "forward", "forwarder", FORWARD_LOCK_FILE, PROBLEM_AREA_DELIVERY, "forwarder-dead",
      "a forwarder has run here, and none runs now: events wait in the log" },
    { "hub", "bus-hub", NULL, PROBLEM_AREA_BUS, "hub-dead",
      "the hub is dead: everything goes on, but seconds later than usual; start zapkeep-hub" },
    { "console", "console", NULL, PROBLEM_AREA_BUS, NULL, NULL },
};

static bool has_run(const struct service *s, const struct overview *o)
{
    return s->area == PROBLEM_AREA_DELIVERY ? o->forward.n > 0 : o->head_seq > 0;
}

static void read_service(const struct console_context *c, const struct service *s, struct overview *o,
                         struct overview_service *ret)
{
    const char *dir = c->settings->app.data_dir;
    int64_t age_ms = 0;
    enum heartbeat_state beat = heartbeat_find(dir, s->name, app_clock(c->app), &age_ms);
    bool by_lock = s->lock && !c->settings->app.store[0]; /* of a store elsewhere others hold the locks */
    bool locked = by_lock && instance_lock_is_taken(dir, s->lock) == INSTANCE_LOCK_TAKEN;
    struct problem *p;

    ret->service = s->shown;
    ret->seen_at = beat == HEARTBEAT_NONE ? 0 : o->now.wall_ms - age_ms;
    if (by_lock ? locked : beat == HEARTBEAT_ALIVE)
        ret->state = "running";
    else
        ret->state = beat != HEARTBEAT_NONE || (by_lock && has_run(s, o)) ? "dead" : "never";
    if (!s->key || ret->state[0] != 'd')
        return;
    p = status_add_problem(&o->problems, s->area == PROBLEM_AREA_BUS ? PROBLEM_WARN : PROBLEM_BAD, s->area,
                           s->key, s->text);
    p->since = ret->seen_at;
}

/* ---- deliveries ------------------------------------------------------------------------------ */

static void read_log(const struct console_context *c, struct overview *o)
{
    struct event_reader *log;
    struct event_rows rows = EVENT_ROWS_NULL;
    int64_t oldest = 0;

    if (stores_log(c->stores, &log) != 0 || event_bounds(log, &oldest, &o->head_seq) != 0)
        return;
    if (o->head_seq > 0 && event_read(log, o->head_seq, NULL, 1, &rows) == 0 && rows.n > 0)
        o->last_event_at = rows.rows[0].at;
    event_rows_fini(&rows);
}

static void add_destinations(struct overview *o)
{
    char text[900], sentence[1000];

    o->delivered_seq = status_forward_delivered(&o->forward);
    for (int i = 0; i < o->forward.n; i++) {
        const struct destination_status *d = &o->forward.destination[i];
        enum problem_level level = status_destination_level(&o->forward, d);
        struct problem *p;

        if (level == PROBLEM_NONE || !o->forward.runs)
            continue;
        (void)status_destination_text(&o->forward, d, text, sizeof text);
        (void)snprintf(sentence, sizeof sentence, "destination %s", text);
        p = status_add_problem(&o->problems, level, PROBLEM_AREA_DELIVERY, "destination", sentence);
        p->since = d->row.state_since;
        p->n = d->counts.dead;
        p->all = destination_lag(&d->row, &d->counts, o->head_seq);
        str_copy(str_from(d->row.name), p->name, sizeof p->name);
        str_copy(str_from(d->row.last_error), p->detail, sizeof p->detail);
        str_copy(str_from(d->row.state), p->names, sizeof p->names);
    }
}

/* ---- bridges --------------------------------------------------------------------------------- */

struct reading {
    struct status_source source;
    struct overview *o;
};

static int on_bridge(void *ctx, const struct bridge_row *row)
{
    struct reading *r = ctx;
    struct overview *o = r->o;
    struct bridge_summary *more = o->bridge;
    int result;

    if (o->bridges == OVERVIEW_BRIDGES_MAX)
        return 0;
    more = mem_realloc(o->bridge, (size_t)(o->bridges + 1) * sizeof *more);
    if (!more)
        return -ENOMEM;
    o->bridge = more;
    result = status_read(&r->source, row, &more[o->bridges]);
    if (result != 0)
        return result;
    status_problems(&more[o->bridges], &o->problems);
    for (int i = 0; i < SESSION_STATE_N; i++)
        o->sessions[i] += more[o->bridges].sessions[i];
    o->bridges++;
    return 0;
}

/* As the page Alerts counts them: those of destinations and of the whole stack too. */
static int count_alert(void *ctx, const struct alert_row *row)
{
    struct overview *o = ctx;

    o->alerts += !row->grouped;
    return 0;
}

static void count_marks(const struct console_context *c, struct overview *o)
{
    for (int i = 0; i < session_list_count(c->sessions); i++) {
        const struct session_item *s = session_list_at(c->sessions, i);

        o->parked += s->phase == RETRY_PARKED;
        o->silent += s->row.silent_since > 0;
    }
}

static int read_all(const struct console_context *c, struct overview *o)
{
    struct reading reading = { .o = o };
    struct db *db;
    int r = session_list_refresh(c->sessions);

    if (r == 0)
        r = stores_now(c->stores, &o->now);
    if (r == 0)
        r = stores_state(c->stores, &db);
    if (r != 0)
        return r;
    reading.source =
        (struct status_source){ db, status_alive_dir(&c->settings->app), app_clock(c->app), o->now };
    r = bridges_each(db, on_bridge, &reading);
    if (r == 0)
        r = alerts_each(db, NULL, count_alert, o);
    if (r == 0)
        r = status_alert_problems(db, false, &o->problems);
    if (r == 0)
        r = status_roles(app_store(&c->settings->app), db, &o->problems, NULL);
    if (r != 0)
        return r;
    read_log(c, o);
    (void)status_forward_read(app_store(&c->settings->app), &o->forward);
    count_marks(c, o);
    for (int i = 0; i < OVERVIEW_SERVICES; i++)
        read_service(c, &services[i], o, &o->service[i]);
    add_destinations(o);
    status_bus_problems(&c->settings->app, &o->problems);
    status_sort(&o->problems);
    o->ok = o->problems.n == 0 || o->problems.item[0].level != PROBLEM_BAD;
    return 0;
}

int overview_read(const struct console_context *c, struct overview **ret)
{
    struct overview *o = mem_zalloc(sizeof *o);
    int r = o ? read_all(c, o) : -ENOMEM;

    if (r == 0)
        *ret = o;
    else
        overview_free(o);
    return r;
}

void overview_free(struct overview *o)
{
    if (o)
        mem_free(o->bridge);
    mem_free(o);
}
