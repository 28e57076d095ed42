#include "services/monitor/stack_duties.h"

#include <errno.h>
#include <string.h>

#include "common/app/heartbeat.h"
#include "common/base/mem.h"
#include "common/store/bridges.h"
#include "common/store/cursors.h"
#include "common/store/store.h"
#include "services/monitor/orphaned_alerts.h"
#include "services/monitor/unwatched.h"

/* The rows of bridges that other monitors watch are read so often: as often as a position without events is saved. */
#define LOOK_MS (30 * 1000)

struct stack_duties {
    struct stack_duties_options o;
    struct alert_sender *sender;
    struct orphaned_alerts *orphaned;
    struct timer *look; /* NULL: no other monitor has a part of the bridges */
};

struct alert_sender *stack_duties_sender(struct stack_duties *d)
{
    return d->sender;
}

/* ---- bridges of this monitor ------------------------------------------------------------------ */

void stack_duties_swept(struct stack_duties *d)
{
    if (d->look) /* it sees all bridges */
        return;
    for (int i = 0; i < d->o.bridges->n; i++) {
        if (d->o.wellness(d->o.ctx, bridge_set_bridge(d->o.bridges, i)->name) != WELLNESS_GOOD)
            return;
    }
    alert_sender_heartbeat(d->sender);
}

/* ---- bridges of all monitors ------------------------------------------------------------------ */

struct overview {
    const struct stack_duties *d;
    int64_t saved, first; /* the position of all; that of the bridge that is furthest behind */
    int n, n_well;
    bool dead; /* an alert says that a program is dead */
};

static bool is_well(const struct overview *o, const struct bridge_row *row)
{
    enum bridge_wellness own = o->d->o.wellness(o->d->o.ctx, row->name);

    if (own != WELLNESS_ELSEWHERE)
        return own == WELLNESS_GOOD;
    return row->health == BRIDGE_HEALTH_UP && row->incident_since == 0 &&
           row->fresh_until > times_steady(&o->d->o.m->times);
}

static int on_row(void *ctx, const struct bridge_row *row)
{
    struct overview *o = ctx;
    int64_t position = row->feed_seq > o->saved ? row->feed_seq : o->saved;

    if (bridge_set_find(o->d->o.bridges, str_from(row->name)) < 0)
        return 0;
    o->first = o->n == 0 || position < o->first ? position : o->first;
    o->n_well += is_well(o, row);
    o->n++;
    return 0;
}

/* They stand on the first bridge (poll_schedule.h). */
static int on_alert(void *ctx, const struct alert_row *row)
{
    struct overview *o = ctx;
    enum alert_kind kind = alert_kind_find(row->name);

    o->dead = o->dead || kind == ALERT_INGEST_DEAD || kind == ALERT_WORKERS_DEAD ||
              kind == ALERT_FORWARDER_DEAD || kind == ALERT_HUB_DEAD;
    return 0;
}

/* Returns 0 or -errno. */
static int read_all(const struct stack_duties *d, struct overview *ret)
{
    const struct monitor_context *m = d->o.m;
    int r = db_begin_reads(m->db);

    *ret = (struct overview){ .d = d };
    if (r != 0)
        return r;
    r = cursor_find(m->db, MONITOR_CURSOR, &ret->saved);
    if (r == 0)
        r = bridges_each(m->db, on_row, ret);
    if (r == 0 && m->settings->heartbeat_url[0])
        r = alerts_each(m->db, bridge_set_bridge(d->o.bridges, 0)->name, on_alert, ret);
    db_end_reads(m->db);
    return r;
}

/* A bridge without a row was never watched: the position waits for it. */
static int save_position(const struct stack_duties *d, const struct overview *o)
{
    if (o->n < d->o.bridges->n || o->first <= o->saved)
        return 0;
    return context_save_position(d->o.m, o->first);
}

static int64_t look_ms(const struct stack_duties *d)
{
    const struct monitor_settings *s = d->o.m->settings;

    return s->heartbeat_url[0] && s->heartbeat_ms < LOOK_MS ? s->heartbeat_ms : LOOK_MS;
}

static void on_look(void *ctx)
{
    struct stack_duties *d = ctx;
    struct overview o;

    timer_start(d->look, look_ms(d));
    if (read_all(d, &o) != 0 || save_position(d, &o) != 0)
        return;
    if (o.n_well == d->o.bridges->n && !o.dead)
        alert_sender_heartbeat(d->sender);
}

/* ---- opening --------------------------------------------------------------------------------- */

int stack_duties_mark(struct stack_duties *d, const struct bridge_set *bridges)
{
    return unwatched_mark(d->o.m, bridges);
}

static int open_look(struct stack_duties *d)
{
    const struct monitor_context *m = d->o.m;
    int r = store_is_server(app_store(&m->settings->app)) ? timer_open(app_loop(m->app), on_look, d, &d->look)
                                                          : 0;

    if (r == 0 && d->look)
        timer_start(d->look, look_ms(d));
    return r;
}

int stack_duties_open(const struct stack_duties_options *o, struct stack_duties **ret)
{
    struct stack_duties *d = mem_zalloc(sizeof *d);
    int r;

    if (!d)
        return -ENOMEM;
    d->o = *o;
    r = alert_sender_open(o->m, o->sender, &d->sender);
    if (r == 0)
        r = stack_duties_mark(d, o->bridges);
    if (r == 0)
        r = orphaned_alerts_open(o->m, &d->orphaned);
    if (r == 0)
        r = open_look(d);
    if (r != 0) {
        stack_duties_close(d);
        return r;
    }
    *ret = d;
    return 0;
}

void stack_duties_close(struct stack_duties *d)
{
    if (!d)
        return;
    if (d->look)
        timer_close(d->look);
    orphaned_alerts_close(d->orphaned);
    alert_sender_close(d->sender);
    mem_free(d);
}
