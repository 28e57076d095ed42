#include "common/app/role_share.h"

#include <errno.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/policy/share.h"
#include "common/store/store.h"

/* A lock file is tried so often; a take-over of leases has a pace of its own (role.h). */
#define LOCK_AGAIN_MS 1000
/* A role that came back after it was given up is kept for so many turns: nobody else can have it, as it seems. */
#define KEEP_TURNS 30

struct unit {
    const char *name;
    struct store_role *role; /* NULL: not held */
    bool giving, was_free;
    bool lost; /* while the database did not answer: who has it now is not known yet */
    int keep;  /* turns */
};

struct role_share {
    struct role_share_options o;
    struct store_crew *crew;
    struct timer *timer;
    struct unit at[SHARE_ROLES_MAX];
    int n;
    int problem; /* of the last turn: -errno, or 0 */
    bool looked, outage_said;
};

bool role_share_has_looked(const struct role_share *s)
{
    return s->looked;
}

struct store_role *role_share_role(const struct role_share *s, int i)
{
    return s->at[i].role;
}

int role_share_problem(const struct role_share *s, int i)
{
    if (s->at[i].role)
        return 0;
    return s->problem != 0 ? s->problem : STORE_ROLE_TAKEN;
}

/* ---- losing ---------------------------------------------------------------------------------- */

static void drop(struct role_share *s, int i)
{
    struct unit *u = &s->at[i];
    struct store_role *role = u->role;

    u->role = NULL;
    u->giving = false;
    s->o.changed(s->o.ctx, i); /* stops everything that the role's fence is checked for */
    store_role_release(role);
}

static void say_lost(const struct role_share *s, int i)
{
    log_warn("role-lost", "another program may have taken over; this one waits until the role is free again",
             KS("kind", s->o.kind), KS("name", s->at[i].name));
}

/* In an outage the database's own line says enough; what has become of the role is said when it answers. */
static void drop_lost(struct role_share *s)
{
    for (int i = 0; i < s->n; i++) {
        if (!s->at[i].role || store_role_is_held(s->at[i].role))
            continue;
        s->at[i].lost = s->problem < 0;
        if (!s->at[i].lost)
            say_lost(s, i);
        drop(s, i);
    }
}

/* The database has answered: the roles that did not come back have another holder. */
static void say_taken_over(struct role_share *s)
{
    for (int i = 0; i < s->n; i++) {
        if (s->at[i].lost && !s->at[i].role)
            say_lost(s, i);
        s->at[i].lost = false;
    }
}

bool role_share_outage_is_news(struct role_share *s)
{
    bool news = !s->outage_said;

    s->outage_said = true;
    return news;
}

void role_share_outage_ended(struct role_share *s)
{
    s->outage_said = false;
}

void role_share_leave(struct role_share *s, int i)
{
    struct unit *u = &s->at[i];

    if (!u->role)
        return;
    if (u->giving)
        log_info("role-given", "another program takes this over, so that each has its part",
                 KS("kind", s->o.kind), KS("name", u->name));
    u->was_free = false;
    store_role_release(u->role);
    u->role = NULL;
    u->giving = false;
    u->keep = KEEP_TURNS;
}

/* ---- taking and giving ----------------------------------------------------------------------- */

static int held(const struct role_share *s)
{
    int n = 0;

    for (int i = 0; i < s->n; i++)
        n += s->at[i].role != NULL;
    return n;
}

/* Counts the free ones; one that is free for the second time has waited. */
static void count_free(struct role_share *s, struct share *share)
{
    for (int i = 0; i < s->n; i++) {
        struct unit *u = &s->at[i];
        bool is_free = !u->role && store_crew_is_free(s->crew, u->name);

        share->free += is_free;
        share->waited = share->waited || (is_free && u->was_free);
        u->was_free = is_free;
    }
}

static int take(struct role_share *s, int i)
{
    struct unit *u = &s->at[i];
    int r = store_crew_take(s->crew, u->name, &u->role);

    if (r != 0)
        return r;
    u->was_free = false;
    if (store_is_server(s->o.where))
        log_info("role-taken", "this program has the role now", KS("kind", s->o.kind), KS("name", u->name));
    s->o.changed(s->o.ctx, i);
    return 0;
}

/* Each program begins at another place of the list, so that two of them seldom try the same. */
static int take_some(struct role_share *s, int n, int members)
{
    int r = 0;

    for (int k = 0; r >= 0 && n > 0 && k < s->n; k++) {
        int i = members % 2 ? k : s->n - 1 - k;

        if (s->at[i].role || !store_crew_is_free(s->crew, s->at[i].name))
            continue;
        r = take(s, i);
        n -= r == 0;
    }
    return r < 0 ? r : 0;
}

static void give_one(struct role_share *s)
{
    for (int i = s->n - 1; i >= 0; i--) {
        struct unit *u = &s->at[i];

        if (!u->role || u->giving || u->keep > 0)
            continue;
        u->giving = true;
        if (s->o.give) {
            s->o.give(s->o.ctx, i);
            return;
        }
        drop(s, i);
        u->keep = KEEP_TURNS;
        return;
    }
}

static bool is_giving(const struct role_share *s)
{
    for (int i = 0; i < s->n; i++) {
        if (s->at[i].giving)
            return true;
    }
    return false;
}

static int share_out(struct role_share *s, const struct store_crew_view *view)
{
    struct share share = { .roles = s->n, .members = view->members, .least = view->least, .mine = held(s) };
    int r;

    count_free(s, &share);
    r = take_some(s, share_take(&share), view->members);
    if (r == 0 && !is_giving(s) && share_give(&share))
        give_one(s);
    return r;
}

/* ---- turns ----------------------------------------------------------------------------------- */

/* The next turn: in time for the earliest end of a lease, when renewals fail. */
static int64_t next_ms(const struct role_share *s)
{
    int64_t wait = store_is_server(s->o.where) ? store_role_renew_ms() : LOCK_AGAIN_MS;

    for (int i = 0; i < s->n; i++) {
        int64_t left = s->at[i].role ? store_role_left_ms(s->at[i].role) : wait;

        wait = left < wait ? left : wait;
    }
    return wait > 0 ? wait : 0;
}

void role_share_look(struct role_share *s)
{
    struct store_crew_view view = { 0 };

    s->looked = true;
    drop_lost(s);
    s->problem = store_crew_renew(s->crew, &view);
    app_set_store_away(s->o.app, s->problem == -ENOTCONN);
    drop_lost(s);
    if (s->problem == 0) {
        s->problem = share_out(s, &view);
        say_taken_over(s);
    }
    for (int i = 0; i < s->n; i++)
        s->at[i].keep -= s->at[i].keep > 0;
    timer_start(s->timer, next_ms(s));
}

static void on_timer(void *ctx)
{
    role_share_look(ctx);
}

/* ---- opening --------------------------------------------------------------------------------- */

static struct store_role *take_out(struct unit *from, int n, const char *name)
{
    for (int i = 0; i < n; i++) {
        struct store_role *role = from[i].role;

        if (!role || strcmp(from[i].name, name) != 0)
            continue;
        from[i].role = NULL;
        return role;
    }
    return NULL;
}

void role_share_name(struct role_share *s, const char *const *names, int n)
{
    struct unit old[SHARE_ROLES_MAX];
    int n_old = s->n;

    memcpy(old, s->at, sizeof old);
    s->n = n < SHARE_ROLES_MAX ? n : SHARE_ROLES_MAX;
    for (int i = 0; i < s->n; i++)
        s->at[i] = (struct unit){ .name = names[i], .role = take_out(old, n_old, names[i]) };
    for (int i = 0; i < n_old; i++)
        store_role_release(old[i].role);
    timer_start(s->timer, 0);
}

int role_share_open(const struct role_share_options *o, struct role_share **ret)
{
    struct role_share *s = mem_zalloc(sizeof *s);
    int r = s ? store_crew_open(o->where, o->kind, &s->crew) : -ENOMEM;

    if (r == 0)
        s->o = *o;
    if (r == 0)
        r = timer_open(app_loop(o->app), on_timer, s, &s->timer);
    if (r != 0) {
        if (s)
            store_crew_close(s->crew);
        mem_free(s);
        return r;
    }
    *ret = s;
    return 0;
}

void role_share_close(struct role_share *s)
{
    if (!s)
        return;
    timer_close(s->timer);
    for (int i = 0; i < s->n; i++)
        store_role_release(s->at[i].role);
    store_crew_close(s->crew);
    mem_free(s);
}
