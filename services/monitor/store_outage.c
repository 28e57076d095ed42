#include "services/monitor/store_outage.h"

#include <errno.h>
#include <stdio.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/sink/sink_kind.h"
#include "common/sink/sink_policy.h"
#include "common/sink/sink_sender.h"
#include "common/store/db.h"
#include "common/store/store.h"

#define TICK_MS 1000

/* One sink. */
struct outage_sink {
    struct store_outage *of;
    const struct sink_config *config;
    struct sink_sender *out; /* NULL: nothing was sent to it since its configuration is known */
    bool informed;           /* it has taken the beginning, and not yet the end */
    bool busy, sending;      /* a message is out; its firing */
    int64_t again_ms;        /* boot ms before which it is left alone */
    int tries;
};

struct store_outage {
    struct app *app;
    struct store_outage_options o;
    struct timer *tick;
    bool is_standby;
    bool down;
    int64_t down_ms;            /* boot ms since when */
    int64_t began_at, ended_at; /* wall ms */
    char problem[512];
    struct outage_sink sink[SINKS_MAX];
};

static int64_t boot_ms(const struct store_outage *o)
{
    return app_boot_ms(o->app);
}

static int64_t wall_ms(const struct store_outage *o)
{
    return app_wall_ms(o->app);
}

/* ---- one sink -------------------------------------------------------------------------------- */

static void on_result(void *ctx, const struct sink_result *a)
{
    struct outage_sink *s = ctx;

    s->busy = false;
    if (a->taken || a->hopeless) {
        s->informed = s->sending;
        s->tries = 0;
        return;
    }
    s->again_ms = boot_ms(s->of) + sink_retry_ms(++s->tries);
    log_warn("alert-not-delivered", "a sink did not take an alert; it is tried again",
             KS("sink", s->config->name), KI("http_status", a->status), KS("error", a->detail),
             KI("tries", s->tries));
}

static int send_change(struct outage_sink *s, bool firing)
{
    CLEANUP(sink_message_fini) struct sink_message m;
    const struct store_outage *o = s->of;
    const struct sink_alert alert = { .kind = ALERT_STORE_DOWN,
                                      .firing = firing,
                                      .bridge = "",
                                      .session = "",
                                      .text = firing ? o->problem : "the store can be used again",
                                      .started_at = o->began_at,
                                      .ended_at = firing ? 0 : o->ended_at };
    int r = s->out ? 0 : sink_sender_open(app_loop(o->app), s->config, &s->out);

    sink_message_init(&m);
    if (r == 0)
        r = sink_message_write(s->config, o->o.console_url, &alert, 1, wall_ms(o), &m);
    return r == 0 ? sink_send(s->out, &m, on_result, s) : r;
}

/* Returns true while there is something for it. */
static bool serve_sink(struct outage_sink *s, bool firing)
{
    const struct store_outage *o = s->of;

    if (!s->busy && s->informed == firing)
        return false;
    if (s->busy || boot_ms(o) < s->again_ms ||
        (firing && sink_holds_back(s->config, ALERT_STORE_DOWN, sink_minute_of_day(wall_ms(o)))))
        return true;
    s->sending = firing;
    s->busy = send_change(s, firing) == 0;
    if (!s->busy)
        s->again_ms = boot_ms(o) + sink_retry_ms(++s->tries);
    return true;
}

static void on_tick(void *ctx)
{
    struct store_outage *o = ctx;
    bool firing = o->down && !o->is_standby && boot_ms(o) - o->down_ms >= o->o.hold_ms;
    bool more = o->down;

    for (int i = 0; i < o->o.sinks->n; i++) {
        struct outage_sink *s = &o->sink[i];

        s->of = o;
        s->config = o->o.sinks->at[i];
        if (sink_wants(s->config, ALERT_STORE_DOWN, "", "") && serve_sink(s, firing))
            more = true;
    }
    if (more)
        timer_start(o->tick, TICK_MS);
}

/* ---- the store ------------------------------------------------------------------------------- */

void store_outage_failed(struct store_outage *o, int r)
{
    char problem[STORE_DISPLAY_MAX + 256];

    if (o->down)
        return;
    o->down = true;
    o->down_ms = boot_ms(o);
    o->began_at = wall_ms(o);
    (void)snprintf(o->problem, sizeof o->problem, "%s",
                   db_problem(o->o.store, STATE_DB_FILE, r, problem, sizeof problem));
    log_error("store-down",
              "the store cannot be used: no session is watched and nothing is attempted until it can",
              KS("error", o->problem));
    timer_start(o->tick, TICK_MS);
}

void store_outage_ended(struct store_outage *o, bool is_standby)
{
    o->is_standby = is_standby;
    if (!o->down)
        return;
    o->down = false;
    o->ended_at = wall_ms(o);
    log_info("store-works", "the store can be used again", KI("after_s", (boot_ms(o) - o->down_ms) / 1000));
    timer_start(o->tick, 0);
}

/* ---- opening --------------------------------------------------------------------------------- */

void store_outage_suspend(struct store_outage *o)
{
    for (int i = 0; i < SINKS_MAX; i++) {
        sink_sender_close(o->sink[i].out);
        o->sink[i] = (struct outage_sink){ 0 };
    }
}

int store_outage_open(struct app *app, const struct store_outage_options *options, struct store_outage **ret)
{
    struct store_outage *o = mem_zalloc(sizeof *o);
    int r;

    if (!o)
        return -ENOMEM;
    o->app = app;
    o->o = *options;
    r = timer_open(app_loop(app), on_tick, o, &o->tick);
    if (r == 0)
        *ret = o;
    else
        mem_free(o);
    return r;
}

void store_outage_close(struct store_outage *o)
{
    if (!o)
        return;
    store_outage_suspend(o);
    timer_close(o->tick);
    mem_free(o);
}
