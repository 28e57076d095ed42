#include "services/forwarder/startup.h"

#include <errno.h>
#include <stdio.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/store/role.h"
#include "common/store/store.h"

/* The other forwarder's death is noticed within this. */
#define LOCK_AGAIN_MS 1000

struct startup {
    struct engine_options o;
    struct engine *engine;
    struct timer *timer;
    struct backoff backoff;
    struct store_role *role; /* NULL: another program has it, or nobody knows */
    struct timer *renew;
    int waiting_r; /* why there is no engine: STORE_ROLE_TAKEN or -errno; 0: not tried yet, or there is one */
    char problem[256];
};

struct engine *startup_engine(struct startup *s)
{
    return s->engine;
}

const char *startup_problem(const struct startup *s)
{
    return s->engine ? NULL : s->problem;
}

bool startup_waits_for_log(const struct startup *s)
{
    return s->waiting_r == -ENOENT;
}

/* ---- the lock -------------------------------------------------------------------------------- */

static void leave_role(struct startup *s)
{
    store_role_release(s->role);
    s->role = NULL;
}

static int take_role(struct startup *s)
{
    if (s->role && !store_role_is_held(s->role))
        leave_role(s);
    return s->role ? 0 : store_role_take(s->o.dir, FORWARD_ROLE, &s->role);
}

/* Another forwarder delivers now, or may: nothing more is sent. */
static void stop_acting(struct startup *s)
{
    log_warn("role-lost",
             "another forwarder may have taken over; delivering stops until the role is free again");
    leave_role(s);
    engine_close(s->engine);
    s->engine = NULL;
    s->waiting_r = STORE_ROLE_TAKEN;
    timer_start(s->timer, 0);
}

static void on_renew(void *ctx)
{
    struct startup *s = ctx;
    int r = s->role ? store_role_renew(s->role) : 0;

    timer_start(s->renew, STORE_ROLE_RENEW_MS);
    if (s->role && (r == -EPERM || !store_role_is_held(s->role)))
        stop_acting(s);
}

/* ---- beginning ------------------------------------------------------------------------------- */

static void describe(struct startup *s, int r, const char *file, const char *detail)
{
    if (r == STORE_ROLE_TAKEN)
        (void)snprintf(s->problem, sizeof s->problem, "another forwarder holds " FORWARD_LOCK_FILE);
    else if (r == -ENOENT)
        (void)snprintf(s->problem, sizeof s->problem, "there is no events.db yet");
    else
        (void)snprintf(s->problem, sizeof s->problem, "cannot use %s: %s", file,
                       detail[0] ? detail : err_text(r));
}

static const char *advice(int r)
{
    if (r == STORE_ROLE_TAKEN)
        return "another forwarder works on this data directory; waiting to take over";
    if (r == -ENOENT)
        return "waiting for webhook-ingest to make events.db";
    return "cannot start to deliver; trying again";
}

static void wait_more(struct startup *s, int r)
{
    char name[STORE_DISPLAY_MAX];
    int64_t wait = backoff_next_ms(&s->backoff);

    if (r > 0 ? s->backoff.tries == 1 : backoff_is_news(&s->backoff))
        log_warn("waiting", advice(r), KS("dir", store_display(s->o.dir, name, sizeof name)),
                 KS("error", s->problem));
    timer_start(s->timer, r > 0 ? LOCK_AGAIN_MS : wait);
}

static void on_timer(void *ctx)
{
    struct startup *s = ctx;
    char detail[STORES_DETAIL_MAX] = "";
    const char *file = FORWARD_LOCK_FILE;
    int r = take_role(s);

    if (r == 0)
        r = engine_open(&s->o, &s->engine, &file, detail);
    s->waiting_r = r;
    if (r == 0)
        return;
    describe(s, r, file, detail);
    wait_more(s, r);
}

/* The lock file went with forward.db, as far as we know: another forwarder may hold the one that is there now. */
static void leave_replaced(struct startup *s)
{
    char name[STORE_DISPLAY_MAX];

    log_error(
        "store-replaced",
        "forward.db was replaced or removed while it was open, or its volume was unmounted; the one that is"
        " there now is opened",
        KS("dir", store_display(s->o.dir, name, sizeof name)));
    leave_role(s);
}

/* A failure soon after the start waits longer than one after hours of work. */
static void on_failed(void *ctx, int r, const char *detail)
{
    struct startup *s = ctx;
    int64_t wait = backoff_next_ms(&s->backoff);

    describe(s, r, FORWARD_DB_FILE, detail);
    if (r == -ESTALE && engine_is_replaced(s->engine))
        leave_replaced(s);
    else if (r != -ESTALE && backoff_is_news(&s->backoff))
        log_error("store-failed", "forward.db failed; it is opened and read anew", KS("error", err_text(r)),
                  KS("detail", detail), KI("tries", s->backoff.tries));
    engine_close(s->engine);
    s->engine = NULL;
    s->waiting_r = r;
    timer_start(s->timer, wait);
}

static void on_worked(void *ctx)
{
    struct startup *s = ctx;

    backoff_reset(&s->backoff);
}

static void on_stopped(void *ctx)
{
    struct startup *s = ctx;

    app_stopped(s->o.app);
}

/* ---- opening --------------------------------------------------------------------------------- */

int startup_open(const struct engine_options *o, struct startup **ret)
{
    struct startup *s = mem_zalloc(sizeof *s);
    int r;

    if (!s)
        return -ENOMEM;
    s->o = *o;
    s->o.failed = on_failed;
    s->o.worked = on_worked;
    s->o.stopped = on_stopped;
    s->o.ctx = s;
    (void)snprintf(s->problem, sizeof s->problem, "not started yet");
    s->o.role = &s->role;
    r = timer_open(app_loop(o->app), on_timer, s, &s->timer);
    if (r == 0)
        r = timer_open(app_loop(o->app), on_renew, s, &s->renew);
    if (r != 0) {
        timer_close(s->timer);
        mem_free(s);
        return r;
    }
    timer_start(s->timer, 0);
    timer_start(s->renew, STORE_ROLE_RENEW_MS);
    *ret = s;
    return 0;
}

void startup_suspend(struct startup *s)
{
    timer_stop(s->timer);
    if (s->engine)
        engine_save_last(s->engine);
    engine_close(s->engine);
    s->engine = NULL;
}

void startup_resume(struct startup *s)
{
    timer_start(s->timer, 0);
}

void startup_close(struct startup *s)
{
    if (!s)
        return;
    startup_suspend(s);
    timer_close(s->timer);
    timer_close(s->renew);
    leave_role(s);
    mem_free(s);
}
