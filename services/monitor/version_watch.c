#include "services/monitor/version_watch.h"

#include <errno.h>

#include "common/app/bridge_settings.h"
#include "common/base/clean.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/store/bridges.h"
#include "services/monitor/bridge_call.h"

/* How often the bridge is looked at: is it up, has it another driver? */
#define LOOK_MS 2000
/* For one driver each call asks the internet, so it is not made with each sweep. */
#define ASK_AGAIN_MS (6 * 60 * 60 * 1000LL)
/* After a call that failed, or a store that was busy. */
#define RETRY_MS (10 * 60 * 1000LL)

struct version_watch {
    struct version_watch_options o;
    struct http_client *client;
    struct timer *timer;
    const struct bridge_driver *asked; /* its answer is stored; NULL: none is */
    int64_t due_ms;                    /* steady: when it is asked again */
    bool busy, closing;
};

static int64_t now_ms(const struct version_watch *w)
{
    return times_steady(&w->o.m->times);
}

static void store(struct version_watch *w, const struct bridge_driver *d, const char *version)
{
    const struct monitor_context *m = w->o.m;
    int r = context_act(m);

    if (r == 0)
        r = bridges_set_version(m->db, m->settings->bridge.name, version);
    if (r != BRIDGES_SAME) /* which says nothing of a disk that is full */
        store_status_written(m->store, r);
    if (r == 0 && version[0])
        log_info("bridge-version", "the bridge's program has this version now",
                 KS("bridge", m->settings->bridge.name), KS("version", version));
    w->asked = d;
    w->due_ms = now_ms(w) + (r >= 0 ? ASK_AGAIN_MS : RETRY_MS);
}

/* A bridge that does not answer keeps the version that it had. */
static void on_answer(void *ctx, const struct http_answer *a)
{
    struct version_watch *w = ctx;
    struct bridge_answer answer = bridge_call_answer(a);
    const struct bridge_driver *d = w->asked;
    char version[BRIDGES_VERSION_MAX];

    w->busy = false;
    if (w->closing)
        return;
    timer_start(w->timer, LOOK_MS);
    if (*bridge_read_version(d, &answer, version, sizeof version))
        store(w, d, clean_text(version));
    else
        w->due_ms = now_ms(w) + RETRY_MS;
}

static void ask(struct version_watch *w, const struct bridge_driver *d)
{
    struct bridge_request req = BRIDGE_REQUEST_NULL;
    int r = bridge_build_path(d, &d->about, w->o.target, NULL, NULL, &req);

    w->asked = d;
    w->due_ms = now_ms(w) + RETRY_MS;
    w->busy = bridge_call_send(w->client, r, &req, HTTP_CALL_TIMEOUT_MS, on_answer, w) == 0;
}

static void on_timer(void *ctx)
{
    struct version_watch *w = ctx;
    const struct bridge_driver *d = w->o.driver(w->o.ctx);

    if (!bridge_status_is_up(w->o.status))
        w->asked = NULL; /* it may come back as another version */
    else if (d && (d != w->asked || now_ms(w) >= w->due_ms)) {
        if (d->about.method)
            ask(w, d);
        else
            store(w, d, "");
    }
    if (!w->busy)
        timer_start(w->timer, LOOK_MS);
}

int version_watch_open(const struct version_watch_options *o, struct version_watch **ret)
{
    struct version_watch *w = mem_zalloc(sizeof *w);
    int r;

    if (!w)
        return -ENOMEM;
    w->o = *o;
    r = http_client_open(app_loop(o->m->app), 1, &w->client);
    if (r == 0)
        bridge_target_prepare(o->target, w->client);
    if (r == 0)
        r = timer_open(app_loop(o->m->app), on_timer, w, &w->timer);
    if (r != 0) {
        version_watch_close(w);
        return r;
    }
    timer_start(w->timer, LOOK_MS);
    *ret = w;
    return 0;
}

void version_watch_close(struct version_watch *w)
{
    if (!w)
        return;
    w->closing = true;
    http_client_close(w->client); /* a call in flight is cancelled, and calls back now */
    timer_close(w->timer);
    mem_free(w);
}
