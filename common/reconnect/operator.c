/*
 * Operator commands: ask for an attempt, park, unpark.
 */
#include "common/reconnect/reconnect.h"

#include "common/reconnect/subject.h"
#include "common/reconnect/unpark.h"
#include "common/store/txn.h"

/* ---- requests -------------------------------------------------------------------------------- */

static int ask(struct db *db, const struct policy *p, const struct now *now, const char *bridge,
               const char *session, bool force, struct retry_verdict *ret)
{
    struct subject s;
    struct retry next;
    int r = subject_read(db, now, bridge, session, &s);

    if (r != 0)
        return r;
    *ret = retry_ask_verdict(p, &s.row.retry, &s.session, &s.bridge, force, now->steady_ms);
    if (ret->why != WHY_READY)
        return RECONNECT_REFUSED;
    next = retry_ask(&s.row.retry, force, now->steady_ms);
    return reconnects_save(db, now, &s.row, &next, NULL, 0);
}

int reconnect_ask(struct db *db, const struct policy *p, const struct now *now, const char *bridge,
                  const char *session, bool force, struct retry_verdict *ret)
{
    struct txn t;
    int r = txn_begin(&t, db);

    return r == 0 ? txn_end(&t, ask(db, p, now, bridge, session, force, ret)) : r;
}

/* ---- parking --------------------------------------------------------------------------------- */

static int park(struct db *db, const struct now *now, const char *bridge, const char *session,
                enum retry_park why, const char *detail)
{
    struct retry_session ignored;
    struct reconnect_row row;
    struct retry next;
    int r = reconnects_session(db, bridge, session, &ignored, NULL);

    if (r == 0)
        r = reconnects_get(db, bridge, session, &row);
    if (r != 0)
        return r;
    next = retry_park(&row.retry, why);
    return reconnects_save(db, now, &row, &next, detail, 0);
}

int reconnect_park(struct db *db, const struct now *now, const char *bridge, const char *session,
                   const char *detail)
{
    struct txn t;
    int r = txn_begin(&t, db);

    return r == 0 ? txn_end(&t, park(db, now, bridge, session, RETRY_PARK_OPERATOR, detail)) : r;
}

int reconnect_park_two_owners(struct db *db, const struct now *now, const char *bridge, const char *session,
                              const char *detail)
{
    struct reconnect_row row;
    struct txn t;
    int r = txn_begin(&t, db);

    if (r != 0)
        return r;
    r = reconnects_get(db, bridge, session, &row);
    if (r == 0 && row.retry.phase != RETRY_DUE && row.retry.phase != RETRY_IDLE)
        r = RECONNECT_REFUSED;
    return txn_end(&t, r == 0 ? park(db, now, bridge, session, RETRY_PARK_TWO_OWNERS, detail) : r);
}

int unpark_session(struct db *db, const struct policy *p, const struct now *now, const char *bridge,
                   const char *session, uint64_t rand64)
{
    struct retry_session s = { 0 };
    struct reconnect_row row;
    struct retry next;
    int r = reconnects_session(db, bridge, session, &s, NULL);

    if (r == 0)
        r = reconnects_get(db, bridge, session, &row);
    if (r != 0)
        return r;
    if (row.retry.park == RETRY_PARK_NONE)
        return RECONNECT_REFUSED;
    next = retry_unpark(p, &row.retry, s.state, now->steady_ms);
    return reconnects_save(db, now, &row, &next, NULL, rand64);
}

int unpark_all(struct db *db, const struct policy *p, const struct now *now, const char *bridge,
               enum retry_park park, uint64_t rand64, int64_t *ret_n)
{
    struct reconnect_row row;
    int64_t n = 0;
    int r = 0;

    for (; r == 0; n++) {
        r = reconnects_first_parked(db, bridge, park, &row);
        if (r == 0)
            r = unpark_session(db, p, now, bridge, row.session, rand64 ^ (uint64_t)n * 0x9e3779b97f4a7c15U);
    }
    *ret_n = n - 1;
    return r == RECONNECTS_NONE ? 0 : r;
}

int unpark_outdated(struct db *db, const struct policy *p, const struct now *now, const char *bridge,
                    uint64_t rand64)
{
    int r = bridges_set_current(db, bridge);
    int64_t n = 0;

    return r == 0 ? unpark_all(db, p, now, bridge, RETRY_PARK_OUTDATED, rand64, &n) : r;
}

static int unpark_for_operator(struct db *db, const struct policy *p, const struct now *now,
                               const char *bridge, const char *session)
{
    struct reconnect_row row;
    int r = reconnects_get(db, bridge, session, &row);

    if (r == 0)
        r = unpark_session(db, p, now, bridge, session, 0);
    if (r == 0 && row.retry.park == RETRY_PARK_OUTDATED)
        r = unpark_outdated(db, p, now, bridge, 0);
    return r;
}

int reconnect_unpark(struct db *db, const struct policy *p, const struct now *now, const char *bridge,
                     const char *session)
{
    struct txn t;
    int r = txn_begin(&t, db);

    return r == 0 ? txn_end(&t, unpark_for_operator(db, p, now, bridge, session)) : r;
}
