#include "services/monitor/parts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/store/store.h"
#include "services/monitor/bridge_watch.h"
#include "services/monitor/two_owners.h"

struct parts {
    struct parts_options o;
    /* From the opening of state.db to its closing. */
    struct monitor_context context; /* of all bridges: without a table; its role is that of the stack */
    struct stack_duties *duties;    /* NULL: another monitor has them */
    struct alert_sender *sender;    /* theirs */
    struct event_feed *feed;
    struct received_feed *received;
    struct bridge_watch *watches[BRIDGES_MAX];
    int n_watches;
    bool no_owners;          /* no phone was on two sessions … */
    int64_t changes_of_none; /* … after so many changes of sessions */
};

/* ---- opening and closing --------------------------------------------------------------------- */

static struct store_role *role_of_bridge(const struct parts *p, int i)
{
    return role_share_role(p->o.share, p->o.shares ? i + 1 : PARTS_STACK_ROLE);
}

static struct bridge_watch *find_watch(const struct parts *p, const char *name)
{
    for (int i = 0; i < p->n_watches; i++) {
        if (strcmp(bridge_watch_name(p->watches[i]), name) == 0)
            return p->watches[i];
    }
    return NULL;
}

static enum bridge_wellness wellness(void *ctx, const char *bridge)
{
    const struct bridge_watch *w = find_watch(ctx, bridge);

    if (!w)
        return WELLNESS_ELSEWHERE;
    return bridge_watch_is_well(w) ? WELLNESS_GOOD : WELLNESS_BAD;
}

static void on_well(void *ctx)
{
    struct parts *p = ctx;

    if (p->duties)
        stack_duties_swept(p->duties);
}

static int open_watch(struct parts *p, int i)
{
    struct bridge_watch_options o = {
        .context = p->context, .sender = &p->sender, .received = p->received, .on_well = on_well, .ctx = p
    };
    int r;

    p->no_owners = false;
    o.context.settings = p->o.bridges->settings[i];
    o.context.role = role_of_bridge(p, i);
    r = bridge_watch_open(&o, &p->watches[p->n_watches]);
    if (r != 0)
        return r;
    return event_feed_add(p->feed, bridge_watch_feed(p->watches[p->n_watches++]));
}

/* On the first bridge of the file, as long as it is there. */
static void choose_programs(struct parts *p)
{
    for (int i = 0; i < p->n_watches; i++)
        bridge_watch_programs(p->watches[i], strcmp(bridge_watch_name(p->watches[i]),
                                                    bridge_set_bridge(p->o.bridges, 0)->name) == 0);
}

/* Of the bridges whose roles this monitor has, those that are not watched yet. */
static int open_watches(struct parts *p)
{
    int r = 0;

    for (int i = 0; r == 0 && i < p->o.bridges->n; i++) {
        if (role_of_bridge(p, i) && !find_watch(p, bridge_set_bridge(p->o.bridges, i)->name))
            r = open_watch(p, i);
    }
    choose_programs(p);
    return r;
}

static int open_duties(struct parts *p)
{
    const struct stack_duties_options o = {
        .m = &p->context, .sender = p->o.sender, .bridges = p->o.bridges, .wellness = wellness, .ctx = p
    };
    int r;

    if (p->duties || !role_share_role(p->o.share, PARTS_STACK_ROLE))
        return 0;
    p->context.role = role_share_role(p->o.share, PARTS_STACK_ROLE);
    r = stack_duties_open(&o, &p->duties);
    p->sender = r == 0 ? stack_duties_sender(p->duties) : NULL;
    return r;
}

void parts_end_duties(struct parts *p)
{
    p->sender = NULL;
    stack_duties_close(p->duties);
    p->duties = NULL;
    p->context.role = NULL;
}

/* Any of the roles that this monitor has; NULL: it has none. */
static struct store_role *any_role(const struct parts *p)
{
    struct store_role *role = role_share_role(p->o.share, PARTS_STACK_ROLE);

    for (int i = 0; !role && i < p->o.bridges->n; i++)
        role = role_of_bridge(p, i);
    return role;
}

/* The parts that all bridges share. */
static int open_common(struct parts *p)
{
    int r = db_open_state(app_store(&p->o.settings->app), &p->context.db);

    p->o.store->db = p->context.db;
    if (r != 0)
        return r;
    store_role_fence(any_role(p), p->context.db);
    r = times_init(&p->context.times, p->context.db, app_clock(p->o.app));
    if (r == 0)
        r = event_feed_open(&p->context, &p->feed);
    return r == 0 ? received_feed_open(&p->context, &p->received) : r;
}

int parts_open(struct parts *p)
{
    int n = p->n_watches;
    int r = any_role(p) ? 0 : role_share_problem(p->o.share, PARTS_STACK_ROLE);

    if (r == 0 && !p->context.db)
        r = open_common(p);
    if (r == 0)
        r = open_duties(p);
    if (r == 0)
        r = open_watches(p);
    return r == 0 && (n == 0 || p->n_watches > n) ? event_feed_start(p->feed) : r;
}

/* All that parts_open() opens, in the other order. */
void parts_close(struct parts *p)
{
    struct db *db = p->context.db;

    event_feed_close(p->feed);
    p->feed = NULL;
    while (p->n_watches > 0)
        bridge_watch_close(p->watches[--p->n_watches]);
    received_feed_close(p->received);
    p->received = NULL;
    parts_end_duties(p);
    p->context.db = p->o.store->db = NULL;
    db_close(db);
}

/* ---- the end of a watch ----------------------------------------------------------------------- */

static struct bridge_watch *take_watch(struct parts *p, const char *name)
{
    for (int i = 0; i < p->n_watches; i++) {
        struct bridge_watch *w = p->watches[i];

        if (strcmp(bridge_watch_name(w), name) != 0)
            continue;
        p->watches[i] = p->watches[--p->n_watches];
        return w;
    }
    return NULL;
}

void parts_end_bridge(struct parts *p, const char *name, bool commit)
{
    struct bridge_watch *w = take_watch(p, name);

    if (!w)
        return;
    if (commit)
        bridge_watch_commit(w);
    event_feed_remove(p->feed, bridge_watch_feed(w));
    bridge_watch_close(w);
}

void parts_commit(struct parts *p)
{
    for (int i = 0; i < p->n_watches; i++)
        bridge_watch_commit(p->watches[i]);
}

/* ---- for others -------------------------------------------------------------------------------- */

int parts_mark(struct parts *p, const struct bridge_set *next)
{
    return p->duties ? stack_duties_mark(p->duties, next) : 0;
}

static int64_t count_changes(const struct parts *p)
{
    int64_t n = 0;

    for (int i = 0; i < p->n_watches; i++)
        n += bridge_watch_changes(p->watches[i]);
    return n;
}

/* With a database other monitors change sessions, too. */
void parts_read_owners(struct parts *p)
{
    CLEANUP(two_owners_fini) struct two_owners t = TWO_OWNERS_NULL;
    int64_t changes = count_changes(p);
    int r;

    if (p->n_watches == 0 || (p->no_owners && !p->o.shares && changes == p->changes_of_none))
        return;
    r = two_owners_read(p->context.db, &t);
    p->no_owners = r == 0 && t.pairs.len == 0;
    p->changes_of_none = changes;

    for (int i = 0; r == 0 && i < p->n_watches && !db_sync_failed(p->context.db); i++)
        bridge_watch_two_owners(p->watches[i], &t);
}

struct alert_sender *parts_sender(const struct parts *p)
{
    return p->sender;
}

bool parts_are_open(const struct parts *p)
{
    return p->context.db != NULL;
}

bool parts_are_working(const struct parts *p)
{
    return p->n_watches > 0 || p->duties;
}

bool parts_have_duties(const struct parts *p)
{
    return p->duties != NULL;
}

bool parts_are_live(const struct parts *p)
{
    return p->feed && event_feed_is_live(p->feed);
}

int parts_check_bridges(const struct parts *p, char *ret_why, size_t n)
{
    for (int i = 0; i < p->n_watches; i++) {
        const char *problem = bridge_watch_problem(p->watches[i]);

        if (!problem)
            continue;
        (void)snprintf(ret_why, n, "%s%s%s", p->n_watches > 1 ? bridge_watch_name(p->watches[i]) : "",
                       p->n_watches > 1 ? ": " : "", problem);
        return 1;
    }
    (void)snprintf(ret_why, n, "no good sweep yet");
    return p->n_watches == 0 && !(p->o.shares && p->duties);
}

int parts_new(const struct parts_options *o, struct parts **ret)
{
    struct parts *p = mem_zalloc(sizeof *p);

    if (!p)
        return -ENOMEM;
    p->o = *o;
    p->context = (struct monitor_context){ .app = o->app, .settings = o->settings, .store = o->store };
    *ret = p;
    return 0;
}

void parts_free(struct parts *p)
{
    if (!p)
        return;
    parts_close(p);
    mem_free(p);
}
