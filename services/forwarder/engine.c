#include "services/forwarder/engine.h"

#include <errno.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/store/cursors.h"
#include "common/store/store.h"
#include "services/forwarder/checkpoint.h"
#include "services/forwarder/forward_metrics.h"
#include "services/forwarder/renames.h"

/* The period of writes that can wait, and of gauges. */
#define TICK_MS 1000
/* Dead letters of other engines count, too. */
#define COUNT_TICKS 60

struct engine {
    struct engine_options o;
    struct stores stores;
    struct group_commit *commit;
    struct checkpoint checkpoint;
    struct dead_letters dead;
    struct destination *at[DESTINATIONS_MAX];
    int n;
    int64_t lost_floor; /* as destination_options has it */
    struct timer *tick;
    int64_t ticks;
    int64_t newest_test;
    bool stopping;
};

/* ---- callbacks of the group commit ----------------------------------------------------------- */

static int save(struct engine *e, bool all)
{
    int r = 0;

    for (int i = 0; r == 0 && i < e->n; i++)
        r = destination_save(e->at[i], all);
    return r;
}

static int on_save(void *ctx)
{
    return save(ctx, false);
}

/* As the rows say it: others deliver to the other destinations. Returns 0 or -errno. */
static int needed_by_all(struct engine *e, int64_t *ret)
{
    int r = 0;

    *ret = INT64_MAX;
    for (int i = 0; r == 0 && i < e->o.config->n; i++) {
        int64_t n = INT64_MAX;

        r = forward_needs(e->stores.db, e->o.config->at[i]->name, &n);
        *ret = n < *ret ? n : *ret;
    }
    return r;
}

static int64_t needed(struct engine *e)
{
    int64_t seq = INT64_MAX;

    if (!e->o.lead)
        return seq;
    if (e->n < e->o.config->n)
        return needed_by_all(e, &seq) == 0 ? seq : INT64_MAX;

    for (int i = 0; i < e->n; i++) {
        int64_t n = destination_needs(e->at[i]);

        seq = n < seq ? n : seq;
    }
    return seq;
}

static int64_t in_flight(const struct engine *e)
{
    int64_t n = 0;

    for (int i = 0; i < e->n; i++)
        n += destination_in_flight(e->at[i]);
    return n;
}

void engine_poke(struct engine *e)
{
    for (int i = 0; i < e->n; i++)
        destination_poke(e->at[i]);
}

static void on_committed(void *ctx)
{
    struct engine *e = ctx;

    if (group_commit_count(e->commit) > 0)
        e->o.worked(e->o.ctx);
    if (checkpoint_has_many_commits(&e->checkpoint) && checkpoint_make(&e->checkpoint, needed(e)) != 0)
        return;
    engine_poke(e);
    if (e->stopping && in_flight(e) == 0 && group_commit_is_done(e->commit))
        e->o.stopped(e->o.ctx);
}

static void on_failed(void *ctx, int r, const char *detail)
{
    struct engine *e = ctx;

    e->o.failed(e->o.ctx, r, detail);
}

/* ---- now and then ---------------------------------------------------------------------------- */

static int save_all(struct engine *e)
{
    int r = save(e, true);

    for (int i = 0; r == 0 && i < e->n; i++)
        r = destination_save_status(e->at[i]);
    return r == 0 ? group_commit_end(e->commit) : r;
}

static void on_tick(void *ctx)
{
    struct engine *e = ctx;

    timer_start(e->tick, TICK_MS);
    if (save_all(e) != 0)
        return;
    if (e->o.n < e->o.config->n && ++e->ticks % COUNT_TICKS == 0)
        (void)forward_dead_count(e->stores.db, NULL, &e->dead.n);
    for (int i = 0; i < e->n; i++)
        destination_gauges(e->at[i]);
    if (e->o.lead) /* one program of the stack says it */
        metric_set(&forward_dead, 0, e->dead.n);
    if (checkpoint_is_due(&e->checkpoint) && checkpoint_make(&e->checkpoint, needed(e)) != 0)
        return;
    engine_poke(e);
}

int64_t *engine_newest_test(struct engine *e)
{
    return &e->newest_test;
}

void engine_save_last(struct engine *e)
{
    if (save_all(e) == 0)
        (void)checkpoint_make(&e->checkpoint, needed(e));
}

/* ---- for others ------------------------------------------------------------------------------ */

void engine_notify(struct engine *e)
{
    for (int i = 0; i < e->n; i++)
        destination_notify(e->at[i]);
}

void engine_stop(struct engine *e)
{
    e->stopping = true;
    group_commit_soon(e->commit);
}

int engine_destinations(const struct engine *e)
{
    return e->n;
}

struct destination *engine_destination(struct engine *e, int i)
{
    return e->at[i];
}

struct dead_letters *engine_dead_letters(struct engine *e)
{
    return &e->dead;
}

int engine_commit(struct engine *e)
{
    return group_commit_end(e->commit);
}

/* ---- opening --------------------------------------------------------------------------------- */

static int open_destination(struct engine *e, int i)
{
    int r = destination_open(&(struct destination_options){ .app = e->o.app,
                                                            .dir = e->o.dir,
                                                            .bus = e->o.bus,
                                                            .sub = e->o.sub,
                                                            .config = e->o.config->at[e->o.first + i],
                                                            .index = e->o.first + i,
                                                            .role = e->o.role,
                                                            .stopping = &e->stopping,
                                                            .stores = &e->stores,
                                                            .commit = e->commit,
                                                            .dead = &e->dead,
                                                            .state = e->o.state,
                                                            .started_at = e->o.started_at,
                                                            .lost_floor = e->lost_floor },
                             &e->at[i]);

    e->n += r == 0;
    return r;
}

/* A forward.db without any destination is new. When state.db knows how far was delivered, the one before was lost: the events
 * after that are delivered, some of it once more. */
static int find_lost_floor(struct engine *e)
{
    int64_t n = 0;
    int r = forward_destinations_count(e->stores.db, &n);

    e->lost_floor = -1;
    if (r != 0 || n > 0 || store_is_server(e->o.dir)) /* one database: it is not lost alone */
        return r;
    r = state_store_open(e->o.state);
    if (r == 0)
        r = cursor_find(e->o.state->db, CHECKPOINT_CONSUMER, &n);
    if (r == 0 && n > 0) {
        e->lost_floor = n;
        log_error(
            "forward-db-new",
            "forward.db is new, but events were delivered before; going on after the cursor of state.db",
            KI("after_seq", n));
    }
    return r;
}

int engine_forget(struct engine *e, const char *name, bool *ret_found)
{
    int r = group_commit_begin(e->commit);

    if (r == 0)
        r = forward_destination_forget(e->stores.db, name, ret_found);
    if (r == 0)
        r = forward_dead_count(e->stores.db, NULL, &e->dead.n);
    return r == 0 ? 0 : group_commit_fail(e->commit, r);
}

static int start(struct engine *e)
{
    struct loop *l = app_loop(e->o.app);
    const struct group_commit_hooks hooks = { on_save, on_committed, on_failed, e };
    int r = group_commit_open(l, &e->stores, &hooks, &e->commit);

    if (r != 0)
        return r;
    checkpoint_init(&e->checkpoint, e->stores.db, e->commit, e->o.state, app_clock(e->o.app));
    r = dead_letters_init(&e->dead, e->o.app, e->stores.db, e->commit);
    if (r == 0)
        r = find_lost_floor(e);
    if (r == 0)
        r = renames_adopt(e->stores.db, e->o.config);
    for (int i = 0; r == 0 && i < e->o.n; i++)
        r = open_destination(e, i);
    if (r == 0)
        r = timer_open(l, on_tick, e, &e->tick);
    if (r == 0)
        timer_start(e->tick, 0);
    return r;
}

int engine_open(const struct engine_options *o, struct engine **ret, const char **ret_file,
                char ret_detail[STORES_DETAIL_MAX])
{
    struct engine *e = mem_zalloc(sizeof *e);
    int r = e ? 0 : -ENOMEM;

    *ret_file = FORWARD_DB_FILE;
    ret_detail[0] = '\0';
    if (!e)
        return r;
    e->o = *o;
    /* A transaction of deliveries stays open for a pass of the loop, in which other engines read and write; the lead's of a server has
     * none of them, and its commands are committed at once. */
    r = stores_open(o->dir, o->role, o->n > 0, &e->stores, ret_file, ret_detail);
    if (r == 0) {
        *ret_file = FORWARD_DB_FILE;
        r = start(e);
    }
    if (r != 0) {
        engine_close(e);
        return r;
    }
    *ret = e;
    return 0;
}

bool engine_is_replaced(const struct engine *e)
{
    return db_sync_failed(e->stores.db);
}

void engine_close(struct engine *e)
{
    if (!e)
        return;
    while (e->n > 0)
        destination_close(e->at[--e->n]);
    if (e->tick)
        timer_close(e->tick);
    group_commit_close(e->commit);
    stores_close(&e->stores);
    mem_free(e);
}
