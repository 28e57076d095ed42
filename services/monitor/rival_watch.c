#include "services/monitor/rival_watch.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/io/host_claim.h"

/* The other one may be stopped at any time; this one may be the next of two that were started one after the other. */
#define TRY_MS 2000

struct rival_watch {
    const struct monitor_context *m;
    struct bridge_status *status;
    struct change_batch *batch;
    struct timer *timer;
    int fd, own_fd;   /* the address; the address with our store. -1: not claimed */
    int64_t since_ms; /* steady: claimed by somebody else since, 0: it is not */
};

/* Several monitors may work on one store, or take over from each other: they are one stack. */
static bool is_of_our_store(struct rival_watch *w)
{
    const struct monitor_settings *s = w->m->settings;
    char text[2 * SETTINGS_VALUE_MAX + 16];

    if (w->own_fd >= 0)
        return false;
    (void)snprintf(text, sizeof text, "bridge %s\n%s", s->bridge.url, app_store(&s->app));
    return host_claim_take(text, &w->own_fd) == HOST_CLAIM_TAKEN;
}

static bool is_claimed_by_others(struct rival_watch *w)
{
    char text[SETTINGS_VALUE_MAX + 16];
    bool ours = is_of_our_store(w);

    (void)snprintf(text, sizeof text, "bridge %s", w->m->settings->bridge.url);
    return w->fd < 0 && host_claim_take(text, &w->fd) == HOST_CLAIM_TAKEN && !ours;
}

static void on_timer(void *ctx)
{
    struct rival_watch *w = ctx;
    int64_t now_ms = times_steady(&w->m->times);
    bool rival;

    timer_start(w->timer, TRY_MS);
    if (!is_claimed_by_others(w))
        w->since_ms = 0;
    else if (w->since_ms == 0)
        w->since_ms = now_ms;
    rival = w->since_ms > 0 && now_ms - w->since_ms >= w->m->settings->rules.alert_hold_ms;
    if (rival == w->status->rival_here)
        return;
    w->status->rival_here = rival;
    (void)change_batch_commit(w->batch, 0);
}

int rival_watch_open(const struct monitor_context *m, struct bridge_status *status,
                     struct change_batch *batch, struct rival_watch **ret)
{
    struct rival_watch *w;
    int r;

    *ret = NULL;
    if (!m->settings->bridge.url[0])
        return 0;
    w = mem_zalloc(sizeof *w);
    if (!w)
        return -ENOMEM;
    *w = (struct rival_watch){ .m = m, .status = status, .batch = batch, .fd = -1, .own_fd = -1 };
    r = timer_open(app_loop(m->app), on_timer, w, &w->timer);
    if (r != 0) {
        mem_free(w);
        return r;
    }
    timer_start(w->timer, 0);
    *ret = w;
    return 0;
}

void rival_watch_close(struct rival_watch *w)
{
    if (!w)
        return;
    timer_close(w->timer);
    if (w->fd >= 0)
        (void)close(w->fd);
    if (w->own_fd >= 0)
        (void)close(w->own_fd);
    mem_free(w);
}
