#include "services/monitor/orphaned_alerts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/app/heartbeat.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/domain/alert_kind.h"
#include "common/store/programs.h"
#include "common/store/store.h"
#include "services/monitor/alert_end.h"

/* A small part of ORPHANED_AFTER_MS; each look is a transaction. */
#define LOOK_MS (60 * 1000)
/* Alerts of one look; the rest has its turn with the next. */
#define ALERTS_MAX 64
/* Destinations that nobody delivers to and that have an alert; a stack has a handful of destinations. */
#define DESTINATIONS_MAX 64

static const struct {
    const char *service, *kind; /* in the folder, in a database */
} raisers[ALERT_RAISER_N] = {
    [ALERT_BY_MONITOR] = { "monitor", "monitor" },
    [ALERT_BY_INGEST] = { "webhook-ingest", "ingest" },
    [ALERT_BY_FORWARDER] = { "forwarder", "forward" },
};

struct destination_gone {
    char name[SESSIONS_ID_MAX];
    int64_t since_ms; /* boot time, 0: this place is free */
    bool seen;        /* in this look */
};

struct orphaned_alerts {
    const struct monitor_context *m;
    struct timer *timer;
    int64_t gone_ms[ALERT_RAISER_N]; /* boot time since when none is alive, 0: one is */
    struct destination_gone destination[DESTINATIONS_MAX];

    /* Of one look. */
    bool alive[ALERT_RAISER_N];
    int64_t until[ALERT_RAISER_N]; /* wall ms: the last sign of one of several that is gone for long */
    char held[STORE_CREW_ROLES][STORE_ROLE_NAME_MAX];
    int n_held;
    struct alert_row alert[ALERTS_MAX];
    int n_alerts;
};

static int64_t boot_ms(const struct orphaned_alerts *o)
{
    return app_boot_ms(o->m->app);
}

static bool is_server(const struct orphaned_alerts *o)
{
    return store_is_server(app_store(&o->m->settings->app));
}

/* ---- who is alive ---------------------------------------------------------------------------- */

static void note_program(struct orphaned_alerts *o, enum alert_raiser by, const struct program_row *row)
{
    o->alive[by] = o->alive[by] || row->life == PROGRAM_ALIVE;
    if (row->gone_ms >= ORPHANED_AFTER_MS && row->until > o->until[by])
        o->until[by] = row->until;
}

static int on_program(void *ctx, const struct program_row *row)
{
    struct orphaned_alerts *o = ctx;

    if (*row->role && row->life == PROGRAM_ALIVE && o->n_held < STORE_CREW_ROLES)
        str_copy(str_from(row->role), o->held[o->n_held++], STORE_ROLE_NAME_MAX);
    for (int by = 0; !*row->role && by < ALERT_RAISER_N; by++) {
        if (strcmp(row->kind, raisers[by].kind) == 0)
            note_program(o, (enum alert_raiser)by, row);
    }
    return 0;
}

static void note_gone(struct orphaned_alerts *o)
{
    for (int by = 0; by < ALERT_RAISER_N; by++) {
        if (o->alive[by])
            o->gone_ms[by] = 0;
        else if (o->gone_ms[by] == 0)
            o->gone_ms[by] = boot_ms(o);
    }
}

static int read_programs(struct orphaned_alerts *o)
{
    const char *dir = o->m->settings->app.data_dir;
    int r = 0;

    memset(o->alive, 0, sizeof o->alive);
    memset(o->until, 0, sizeof o->until);
    o->n_held = 0;
    if (is_server(o))
        r = programs_each(o->m->db, on_program, o);
    for (int by = 0; !is_server(o) && by < ALERT_RAISER_N; by++)
        o->alive[by] =
            heartbeat_find(dir, raisers[by].service, app_clock(o->m->app), NULL) == HEARTBEAT_ALIVE;
    if (r == 0)
        note_gone(o);
    return r;
}

/* ---- destinations of a database -------------------------------------------------------------- */

static bool is_held(const struct orphaned_alerts *o, const char *destination)
{
    char name[STORE_ROLE_NAME_MAX];

    (void)snprintf(name, sizeof name, "forward.%.80s", destination);
    for (int i = 0; i < o->n_held; i++) {
        if (strcmp(o->held[i], name) == 0)
            return true;
    }
    return false;
}

/* NULL: there is no place, so it waits. */
static struct destination_gone *place_of(struct orphaned_alerts *o, const char *name)
{
    struct destination_gone *place = NULL;

    for (int i = 0; i < DESTINATIONS_MAX; i++) {
        struct destination_gone *d = &o->destination[i];

        if (d->since_ms != 0 && strcmp(d->name, name) == 0)
            return d;
        if (d->since_ms == 0 && !place)
            place = d;
    }
    return place;
}

/* Nobody has delivered to it for long: it was taken out of the configuration, or all forwarders are gone. */
static bool is_left(struct orphaned_alerts *o, const char *name)
{
    struct destination_gone *d = is_held(o, name) ? NULL : place_of(o, name);

    if (!d)
        return false;
    if (d->since_ms == 0) {
        d->since_ms = boot_ms(o);
        str_copy(str_from(name), d->name, sizeof d->name);
    }
    d->seen = true;
    return boot_ms(o) - d->since_ms >= ORPHANED_AFTER_MS;
}

/* Those that somebody delivers to again, or that have no alert any more. */
static void forget_destinations(struct orphaned_alerts *o)
{
    for (int i = 0; i < DESTINATIONS_MAX; i++) {
        if (!o->destination[i].seen)
            o->destination[i].since_ms = 0;
        o->destination[i].seen = false;
    }
}

/* ---- which are orphaned ---------------------------------------------------------------------- */

static bool is_orphaned(struct orphaned_alerts *o, const struct alert_row *row)
{
    enum alert_raiser by = alert_kind_raiser(alert_kind_find(row->name));

    if (by == ALERT_BY_MONITOR) /* those of a bridge go on with its next monitor */
        return false;
    if (by == ALERT_BY_FORWARDER && is_server(o))
        return is_left(o, row->session);
    if (o->gone_ms[by] != 0 && boot_ms(o) - o->gone_ms[by] >= ORPHANED_AFTER_MS)
        return true;
    return row->since <= o->until[by];
}

static int on_alert(void *ctx, const struct alert_row *row)
{
    struct orphaned_alerts *o = ctx;

    if (is_orphaned(o, row) && o->n_alerts < ALERTS_MAX)
        o->alert[o->n_alerts++] = *row;
    return 0;
}

static int end_one(const struct orphaned_alerts *o, const struct alert_row *row)
{
    enum alert_raiser by = alert_kind_raiser(alert_kind_find(row->name));
    char detail[ALERTS_DETAIL_MAX];

    (void)snprintf(detail, sizeof detail,
                   "the %s that raised this has given no sign of life for %d minutes, so nobody knows "
                   "whether it is still so; it is "
                   "raised again if it is",
                   raisers[by].service, ORPHANED_AFTER_MS / 60000);
    log_info("alert-orphaned", detail, KS("alert", row->name), KS("bridge", row->bridge),
             KS("session", row->session));
    return alert_end(o->m->db, row, detail, times_wall(&o->m->times));
}

static int end_all(const struct orphaned_alerts *o)
{
    int r = context_begin(o->m);

    for (int i = 0; r == 0 && i < o->n_alerts; i++)
        r = end_one(o, &o->alert[i]);
    if (r == 0)
        r = db_commit(o->m->db);
    if (r != 0)
        db_rollback(o->m->db);
    return r;
}

int orphaned_alerts_look(struct orphaned_alerts *o)
{
    int r = read_programs(o);

    o->n_alerts = 0;
    if (r == 0)
        r = alerts_each(o->m->db, NULL, on_alert, o);
    if (r != 0)
        return r;
    forget_destinations(o);
    return o->n_alerts > 0 ? end_all(o) : 0;
}

/* ---- opening --------------------------------------------------------------------------------- */

static void on_timer(void *ctx)
{
    struct orphaned_alerts *o = ctx;

    timer_start(o->timer, LOOK_MS);
    (void)orphaned_alerts_look(o); /* the next look does it */
}

int orphaned_alerts_open(const struct monitor_context *m, struct orphaned_alerts **ret)
{
    struct orphaned_alerts *o = mem_zalloc(sizeof *o);
    int r;

    if (!o)
        return -ENOMEM;
    o->m = m;
    r = timer_open(app_loop(m->app), on_timer, o, &o->timer);
    if (r != 0) {
        mem_free(o);
        return r;
    }
    timer_start(o->timer, LOOK_MS);
    *ret = o;
    return 0;
}

void orphaned_alerts_close(struct orphaned_alerts *o)
{
    if (!o)
        return;
    timer_close(o->timer);
    mem_free(o);
}
