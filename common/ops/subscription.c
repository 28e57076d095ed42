#include "common/ops/subscription.h"

#include <stdio.h>

#include "common/base/mem.h"
#include "common/store/txn.h"

#define COPY(to, from) str_copy(str_from(from), (to), sizeof(to))

bool subscription_may_repair(const struct subscription_row *row, int64_t now_wall)
{
    return !row || row->repaired_at == 0 || now_wall < row->repaired_at ||
           now_wall - row->repaired_at >= SUBSCRIPTION_REPAIR_APART_MS;
}

/* ---- one session ----------------------------------------------------------------------------- */

static void settle_repair(const struct subscription_check *c, int64_t now_wall, struct subscription_row *row)
{
    if (c->repaired == SUBSCRIPTION_NOT_SET)
        return;
    row->repair = (int)c->repaired;
    if (subscription_repair_was_tried(c->repaired))
        row->repaired_at = now_wall;
}

static void settle_unknown(const struct subscription_check *c, struct subscription_row *row)
{
    COPY(row->problem, c->result.detail);
    if (row->state != SUBSCRIPTION_DRIFTED)
        row->state = SUBSCRIPTION_UNKNOWN;
}

void subscription_settle(const struct subscription_row *before, const struct subscription_check *c,
                         int64_t now_wall, struct subscription_row *ret)
{
    const struct subscription *s = &c->result;
    struct subscription_row row = before ? *before : (struct subscription_row){ 0 };

    settle_repair(c, now_wall, &row);
    if (s->state == SUBSCRIPTION_UNKNOWN) {
        settle_unknown(c, &row);
        *ret = row;
        return;
    }
    row.state = s->state == SUBSCRIPTION_NONE && row.right_at > 0 ? SUBSCRIPTION_DRIFTED : s->state;
    row.differs = s->differs;
    row.checked_at = now_wall;
    row.problem[0] = '\0';
    COPY(row.detail, s->detail);
    COPY(row.found, s->found);
    if (row.state == SUBSCRIPTION_RIGHT)
        row.right_at = now_wall;
    if (row.state != SUBSCRIPTION_DRIFTED)
        row.drift_since = 0;
    else if (row.drift_since == 0)
        row.drift_since = now_wall;
    *ret = row;
}

static int record(struct db *db, const char *bridge, const char *session, const struct subscription_check *c,
                  int64_t now_wall, struct subscription_row *ret)
{
    struct subscription_row before = { 0 };
    int r = subscriptions_find(db, bridge, session, &before);

    if (r < 0)
        return r;
    COPY(before.bridge, bridge);
    COPY(before.session, session);
    subscription_settle(&before, c, now_wall, ret);
    return subscriptions_save(db, ret);
}

int subscription_record(struct db *db, const char *bridge, const char *session,
                        const struct subscription_check *c, int64_t now_wall, struct subscription_row *ret)
{
    struct txn t;
    int r = txn_begin(&t, db);

    return r == 0 ? txn_end(&t, record(db, bridge, session, c, now_wall, ret)) : r;
}

/* ---- a bridge -------------------------------------------------------------------------------- */

/* The higher, the graver. */
static int gravity(enum subscription_state s)
{
    static const int of[SUBSCRIPTION_STATE_N] = { [SUBSCRIPTION_RIGHT] = 1,
                                                  [SUBSCRIPTION_UNKNOWN] = 2,
                                                  [SUBSCRIPTION_NONE] = 3,
                                                  [SUBSCRIPTION_DRIFTED] = 4 };

    return of[s];
}

static int on_row(void *ctx, const struct subscription_row *row)
{
    struct subscription_overview *o = ctx;
    enum subscription_state s =
        (unsigned)row->state < SUBSCRIPTION_STATE_N ? row->state : SUBSCRIPTION_UNKNOWN;
    int64_t known = o->n[SUBSCRIPTION_UNKNOWN] + o->n[SUBSCRIPTION_RIGHT] + o->n[SUBSCRIPTION_NONE] +
                    o->n[SUBSCRIPTION_DRIFTED];

    o->n[s]++;
    if (row->checked_at > o->checked_at)
        o->checked_at = row->checked_at;
    if (known > 0 && gravity(s) <= gravity(o->state))
        return 0;
    o->state = s;
    COPY(o->session, s == SUBSCRIPTION_RIGHT ? "" : row->session);
    COPY(o->detail, s == SUBSCRIPTION_UNKNOWN ? row->problem : row->detail);
    COPY(o->found, row->found);
    return 0;
}

int subscription_overview(struct db *db, const char *bridge, struct subscription_overview *ret)
{
    struct subscription_overview o = { .state = SUBSCRIPTION_UNKNOWN };
    int r = subscriptions_each(db, bridge, on_row, &o);

    if (r == 0)
        *ret = o;
    return r;
}

char *subscription_drift_text(const struct subscription_overview *o, char *ret, size_t n)
{
    int64_t drifted = o->n[SUBSCRIPTION_DRIFTED];

    ret[0] = '\0';
    if (drifted == 1)
        (void)snprintf(ret, n, "session %.64s: %.120s", o->session, o->detail);
    else if (drifted > 1)
        (void)snprintf(ret, n, "%lld sessions, as %.64s: %.110s", (long long)drifted, o->session, o->detail);
    return ret;
}
