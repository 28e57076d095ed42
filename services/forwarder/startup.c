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
    struct startup_options o;
    struct engine *engine;
    struct timer *timer;
    struct backoff backoff;
    bool draining;
    int waiting_r; /* why there is no engine: STORE_ROLE_TAKEN or -errno; 0: not tried yet, or there is one */
    char problem[512];
};

struct engine *startup_engine(struct startup *s)
{
    return s->engine;
}

const char *startup_problem(const struct startup *s)
{
    return s->engine ? NULL : s->problem;
}

bool startup_is_elsewhere(const struct startup *s)
{
    return s->waiting_r == STORE_ROLE_TAKEN && store_is_server(s->o.engine.dir);
}

bool startup_waits_for_log(const struct startup *s)
{
    return s->waiting_r == -ENOENT;
}

/* ---- the role -------------------------------------------------------------------------------- */

static struct store_role *role_of(const struct startup *s)
{
    return role_share_role(s->o.share, s->o.unit);
}

static void close_engine(struct startup *s)
{
    engine_close(s->engine);
    s->engine = NULL;
    s->draining = false;
}

/* When it was lost another forwarder delivers now, or may: nothing more is sent, nothing is written. */
void startup_role_changed(struct startup *s)
{
    if (!role_of(s)) {
        close_engine(s);
        s->waiting_r = STORE_ROLE_TAKEN;
    }
    timer_start(s->timer, 0);
}

bool startup_drain(struct startup *s)
{
    if (!s->engine)
        return true;
    s->draining = true;
    engine_stop(s->engine);
    return false;
}

bool startup_is_drained(const struct startup *s)
{
    return !s->engine || !s->draining;
}

void startup_gave(struct startup *s)
{
    if (s->engine)
        engine_save_last(s->engine);
    close_engine(s);
    s->waiting_r = STORE_ROLE_TAKEN;
    timer_start(s->timer, 0);
}

/* ---- beginning ------------------------------------------------------------------------------- */

static void describe(struct startup *s, int r, const char *file, const char *detail)
{
    if (startup_is_elsewhere(s))
        (void)snprintf(s->problem, sizeof s->problem, "another forwarder delivers to it");
    else if (r == STORE_ROLE_TAKEN)
        (void)snprintf(s->problem, sizeof s->problem, "another forwarder holds " FORWARD_LOCK_FILE);
    else if (r == -ENOENT && !store_is_server(s->o.engine.dir))
        (void)snprintf(s->problem, sizeof s->problem, "there is no events.db yet");
    else if (detail[0])
        (void)snprintf(s->problem, sizeof s->problem, "cannot use %s: %s", file, detail);
    else
        (void)db_problem(s->o.engine.dir, file, r, s->problem, sizeof s->problem);
}

static const char *advice(const struct startup *s, int r)
{
    if (r == STORE_ROLE_TAKEN)
        return "another forwarder works on this store; waiting to take over";
    if (r == -ENOENT)
        return store_is_server(s->o.engine.dir) ? "waiting for the tables, which zapkeep store init makes"
                                                : "waiting for webhook-ingest to make events.db";
    return "cannot start to deliver; trying again";
}

/* The database is away for all destinations alike: said by one of them. */
static bool is_outage(const struct startup *s, int r)
{
    return r == -ENOTCONN && store_is_server(s->o.engine.dir);
}

static bool is_news(struct startup *s, int r)
{
    if (r > 0)
        return s->backoff.tries == 1 && !startup_is_elsewhere(s);
    return is_outage(s, r) ? role_share_outage_is_news(s->o.share) : backoff_is_news(&s->backoff);
}

static void wait_more(struct startup *s, int r)
{
    char name[STORE_DISPLAY_MAX];
    int64_t wait = backoff_next_ms(&s->backoff);

    if (is_news(s, r))
        log_warn("waiting", advice(s, r), KS("dir", store_display(s->o.engine.dir, name, sizeof name)),
                 KS("error", s->problem));
    if (!startup_is_elsewhere(s)) /* else the role says when */
        timer_start(s->timer, r > 0 ? LOCK_AGAIN_MS : wait);
}

static void on_timer(void *ctx)
{
    struct startup *s = ctx;
    char detail[STORES_DETAIL_MAX] = "";
    const char *file = FORWARD_LOCK_FILE;
    int r = role_share_problem(s->o.share, s->o.unit);

    if (s->engine || app_stopping(s->o.engine.app))
        return;
    if (!role_share_has_looked(s->o.share)) {
        timer_start(s->timer, LOCK_AGAIN_MS);
        return;
    }
    s->o.engine.role = role_of(s);
    if (r == 0)
        r = engine_open(&s->o.engine, &s->engine, &file, detail);
    s->waiting_r = r;
    if (r == 0) {
        role_share_outage_ended(s->o.share);
        return;
    }
    describe(s, r, file, detail);
    wait_more(s, r);
}

/* The lock file went with forward.db, as far as we know: another forwarder may hold the one that is there now. */
static void leave_replaced(struct startup *s)
{
    char name[STORE_DISPLAY_MAX];

    log_error("store-replaced",
              "forward.db or its write-ahead log was replaced or removed while it was open, or its volume "
              "was unmounted; the one that is"
              " there now is opened",
              KS("dir", store_display(s->o.engine.dir, name, sizeof name)));
    role_share_leave(s->o.share, s->o.unit);
    role_share_look(s->o.share);
}

/* A failure soon after the start waits longer than one after hours of work. */
static void on_failed(void *ctx, int r, const char *detail)
{
    struct startup *s = ctx;
    int64_t wait = backoff_next_ms(&s->backoff);
    bool draining = s->draining;

    describe(s, r, FORWARD_DB_FILE, detail);
    if (r == -ESTALE && engine_is_replaced(s->engine))
        leave_replaced(s);
    else if (is_outage(s, r)) /* if it lasts, the next try says so */
        log_info("store-lost", "the connection to the database has ended; it is opened anew",
                 KS("detail", detail));
    else if (r != -ESTALE && backoff_is_news(&s->backoff))
        log_error("store-failed", "the state of the deliveries failed; it is opened and read anew",
                  KS("error", err_text(r)), KS("detail", detail), KI("tries", s->backoff.tries));
    close_engine(s);
    s->waiting_r = r;
    timer_start(s->timer, wait);
    if (draining) /* nothing is in flight any more */
        s->o.drained(s->o.ctx, s->o.unit);
}

static void on_worked(void *ctx)
{
    struct startup *s = ctx;

    backoff_reset(&s->backoff);
}

static void on_stopped(void *ctx)
{
    struct startup *s = ctx;

    s->draining = false;
    s->o.drained(s->o.ctx, s->o.unit);
}

/* ---- opening --------------------------------------------------------------------------------- */

int startup_open(const struct startup_options *o, struct startup **ret)
{
    struct startup *s = mem_zalloc(sizeof *s);
    int r;

    if (!s)
        return -ENOMEM;
    s->o = *o;
    s->o.engine.failed = on_failed;
    s->o.engine.worked = on_worked;
    s->o.engine.stopped = on_stopped;
    s->o.engine.ctx = s;
    (void)snprintf(s->problem, sizeof s->problem, "not started yet");
    r = timer_open(app_loop(o->engine.app), on_timer, s, &s->timer);
    if (r != 0) {
        mem_free(s);
        return r;
    }
    timer_start(s->timer, 0);
    *ret = s;
    return 0;
}

void startup_close(struct startup *s)
{
    if (!s)
        return;
    timer_close(s->timer);
    if (s->engine)
        engine_save_last(s->engine);
    engine_close(s->engine);
    mem_free(s);
}
