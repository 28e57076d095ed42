#include "services/forwarder/units.h"

#include <errno.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/store/store.h"

#define UNITS_MAX (DESTINATIONS_MAX + 1)

_Static_assert(UNITS_MAX <= SHARE_ROLES_MAX, "each unit is a role");

struct units {
    struct units_options o;
    struct role_share *share;
    struct startup *at[UNITS_MAX];
    int n;
    bool stopping;
};

bool units_are_shared(const struct units *u)
{
    return store_is_server(u->o.engine.dir);
}

/* ---- for others ------------------------------------------------------------------------------ */

int units_count(const struct units *u)
{
    return u->n;
}

struct engine *units_engine(const struct units *u, int i)
{
    return startup_engine(u->at[i]);
}

const struct config *units_config(const struct units *u)
{
    return u->o.config;
}

static int find(const struct units *u, const char *destination)
{
    for (int i = 0; i < u->o.config->n; i++) {
        if (strcmp(u->o.config->at[i]->name, destination) == 0)
            return i;
    }
    return -1;
}

bool units_is_configured(const struct units *u, const char *destination)
{
    return find(u, destination) >= 0;
}

struct engine *units_engine_for(const struct units *u, const char *destination)
{
    int i = units_are_shared(u) ? find(u, destination) + 1 : 0;

    return i < u->n ? startup_engine(u->at[i]) : NULL;
}

void units_notify(struct units *u)
{
    for (int i = 0; i < u->n; i++) {
        if (startup_engine(u->at[i]))
            engine_notify(startup_engine(u->at[i]));
    }
}

const char *units_problem(const struct units *u)
{
    for (int i = 0; i < u->n; i++) {
        const char *problem = startup_problem(u->at[i]);

        if (problem && !startup_is_elsewhere(u->at[i]))
            return problem;
    }
    return NULL;
}

bool units_wait_for_log(const struct units *u)
{
    return u->n > 0 && startup_waits_for_log(u->at[0]);
}

/* ---- stopping, giving up --------------------------------------------------------------------- */

static void look_stopped(struct units *u)
{
    for (int i = 0; i < u->n; i++) {
        if (!startup_is_drained(u->at[i]))
            return;
    }
    u->o.stopped(u->o.ctx);
}

void units_stop(struct units *u)
{
    u->stopping = true;
    for (int i = 0; i < u->n; i++)
        (void)startup_drain(u->at[i]);
    look_stopped(u);
}

static void give(struct units *u, int i)
{
    startup_gave(u->at[i]);
    role_share_leave(u->share, i);
}

static void on_give(void *ctx, int i)
{
    struct units *u = ctx;

    if (startup_drain(u->at[i]))
        give(u, i);
}

static void on_drained(void *ctx, int i)
{
    struct units *u = ctx;

    if (u->stopping)
        look_stopped(u);
    else
        give(u, i);
}

static void on_changed(void *ctx, int i)
{
    struct units *u = ctx;

    if (i < u->n)
        startup_role_changed(u->at[i]);
    if (u->stopping)
        look_stopped(u);
}

/* ---- opening --------------------------------------------------------------------------------- */

static int open_one(struct units *u, int i)
{
    struct startup_options o = {
        .engine = u->o.engine, .share = u->share, .unit = i, .drained = on_drained, .ctx = u
    };
    bool shared = units_are_shared(u);
    int r;

    o.engine.config = u->o.config;
    o.engine.lead = i == 0;
    o.engine.first = shared && i > 0 ? i - 1 : 0;
    o.engine.n = shared ? i > 0 : u->o.config->n;
    r = startup_open(&o, &u->at[i]);
    u->n += r == 0;
    return r;
}

static int open_all(struct units *u)
{
    int n = units_are_shared(u) ? u->o.config->n + 1 : 1;
    const char *names[UNITS_MAX] = { "" };
    int r = 0;

    for (int i = 1; i < n; i++)
        names[i] = u->o.config->at[i - 1]->name;
    role_share_name(u->share, names, n);
    for (int i = 0; r == 0 && i < n; i++)
        r = open_one(u, i);
    return r;
}

static void close_all(struct units *u)
{
    while (u->n > 0)
        startup_close(u->at[--u->n]);
}

int units_reload(struct units *u, const struct config *config)
{
    close_all(u);
    u->o.config = config;
    return open_all(u);
}

int units_open(const struct units_options *o, struct units **ret)
{
    struct units *u = mem_zalloc(sizeof *u);
    int r = u ? 0 : -ENOMEM;

    if (r == 0) {
        u->o = *o;
        r = role_share_open(&(struct role_share_options){ .app = o->engine.app,
                                                          .where = o->engine.dir,
                                                          .kind = FORWARD_ROLE,
                                                          .changed = on_changed,
                                                          .give = on_give,
                                                          .ctx = u },
                            &u->share);
    }
    if (r == 0)
        r = open_all(u);
    if (r != 0) {
        units_close(u);
        return r;
    }
    *ret = u;
    return 0;
}

void units_close(struct units *u)
{
    if (!u)
        return;
    close_all(u);
    role_share_close(u->share);
    mem_free(u);
}
