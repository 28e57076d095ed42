#include "services/monitor/program_watch.h"

#include <errno.h>
#include <string.h>

#include "common/app/heartbeat.h"
#include "common/base/mem.h"

/* The first time; programs that are started together have written theirs by then, or wrote none at all. */
#define FIRST_MS 1000

struct program_watch {
    const struct monitor_context *m;
    struct bridge_status *status;
    struct change_batch *batch;
    struct timer *timer;
    bool on;
};

static const struct {
    enum alert_kind alert;
    const char *service;
} programs[] = {
    { ALERT_INGEST_DEAD, "webhook-ingest" },
    { ALERT_WORKERS_DEAD, "reconnect-worker" },
    { ALERT_FORWARDER_DEAD, "forwarder" },
    { ALERT_HUB_DEAD, "bus-hub" },
};

/* Returns true when something has changed. */
static bool find_dead(struct program_watch *w)
{
    const struct monitor_context *m = w->m;
    bool changed = false;

    for (size_t i = 0; i < ARRAY_LEN(programs); i++) {
        bool *dead = &w->status->dead[programs[i].alert];
        bool is = heartbeat_find(m->settings->app.data_dir, programs[i].service, app_clock(m->app), NULL) ==
                  HEARTBEAT_DEAD;

        changed = changed || is != *dead;
        *dead = is;
    }
    return changed;
}

static void on_timer(void *ctx)
{
    struct program_watch *w = ctx;

    timer_start(w->timer, HEARTBEAT_MS);
    if (find_dead(w))
        (void)change_batch_commit(w->batch, 0);
}

void program_watch_set(struct program_watch *w, bool on)
{
    if (on && !w->on)
        timer_start(w->timer, FIRST_MS);
    if (!on) {
        timer_stop(w->timer);
        memset(w->status->dead, 0, sizeof w->status->dead);
    }
    w->on = on;
}

int program_watch_open(const struct monitor_context *m, struct bridge_status *status,
                       struct change_batch *batch, struct program_watch **ret)
{
    struct program_watch *w = mem_zalloc(sizeof *w);
    int r;

    if (!w)
        return -ENOMEM;
    w->m = m;
    w->status = status;
    w->batch = batch;
    r = timer_open(app_loop(m->app), on_timer, w, &w->timer);
    if (r != 0) {
        program_watch_close(w);
        return r;
    }
    *ret = w;
    return 0;
}

void program_watch_close(struct program_watch *w)
{
    if (!w)
        return;
    timer_close(w->timer);
    mem_free(w);
}
