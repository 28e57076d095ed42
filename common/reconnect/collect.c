/*
 * Publishing, once: attempts that ended and sessions that were parked are given to one of the workers.
 */
#include <errno.h>

#include "common/base/mem.h"
#include "common/reconnect/reconnect.h"
#include "common/store/txn.h"

/* Given out by one call of reconnect_collect(): bounds its memory. */
#define COLLECT_MAX 64

struct collected {
    struct attempt_row attempt[COLLECT_MAX];
    struct parked_session park[COLLECT_MAX];
    int n_attempts, n_parks;
};

static int take_attempt(void *ctx, const struct attempt_row *row)
{
    struct collected *c = ctx;

    c->attempt[c->n_attempts++] = *row;
    return 0;
}

static int take_park(void *ctx, const struct reconnect_row *row)
{
    struct collected *c = ctx;
    struct parked_session *park = &c->park[c->n_parks++];

    str_copy(str_from(row->bridge), park->bridge, sizeof park->bridge);
    str_copy(str_from(row->session), park->session, sizeof park->session);
    str_copy(str_from(row->park_detail), park->detail, sizeof park->detail);
    park->park = row->retry.park;
    park->attempts = row->retry.attempts;
    return 0;
}

static int mark_published(struct db *db, const char *bridge, const struct collected *c)
{
    int r = 0;

    for (int i = 0; r == 0 && i < c->n_attempts; i++)
        r = attempts_set_published(db, c->attempt[i].token);
    for (int i = 0; r == 0 && i < c->n_parks; i++)
        r = reconnects_set_park_published(db, bridge, c->park[i].session);
    return r;
}

static int collect(struct db *db, const char *bridge, struct collected *c)
{
    struct txn t;
    int r = txn_begin_bridge(&t, db, bridge);

    if (r != 0)
        return r;
    r = attempts_each_unpublished(db, bridge, COLLECT_MAX, take_attempt, c);
    if (r == 0)
        r = reconnects_each_unpublished_park(db, bridge, COLLECT_MAX, take_park, c);
    if (r == 0)
        r = mark_published(db, bridge, c);
    return txn_end(&t, r);
}

int reconnect_collect(struct db *db, const char *bridge,
                      void (*on_attempt)(void *ctx, const struct attempt_row *row),
                      void (*on_park)(void *ctx, const struct parked_session *park), void *ctx,
                      bool *ret_more)
{
    CLEANUP(mem_freep) struct collected *c = NULL;
    bool any = false;
    int r = reconnects_has_unpublished(db, bridge, &any);

    *ret_more = false;
    if (r != 0 || !any)
        return r;
    c = mem_zalloc(sizeof *c);
    if (!c)
        return -ENOMEM;
    r = collect(db, bridge, c);
    if (r != 0)
        return r;
    for (int i = 0; i < c->n_attempts; i++)
        on_attempt(ctx, &c->attempt[i]);
    for (int i = 0; i < c->n_parks; i++)
        on_park(ctx, &c->park[i]);
    *ret_more = c->n_attempts == COLLECT_MAX || c->n_parks == COLLECT_MAX;
    return 0;
}
