/*
 * What people do by hand, and what they are shown: requests, parks, the outlook of one session, the queue.
 */
#include "common/base/mem.h"
#include "common/store/reconnects.h"
#include "common/store/rows.h"

struct subject {
    struct reconnect_row row;
    struct retry_session session;
    struct retry_bridge bridge;
    char no_reconnect_method[BRIDGES_DETAIL_MAX];
};

static int read_subject(struct db *db, const struct now *now, const char *bridge, const char *session,
                        struct subject *ret)
{
    struct bridge_row row;
    int64_t in_flight = 0;
    int r = reconnects_session(db, bridge, session, &ret->session, NULL);

    if (r == 0)
        r = reconnects_get(db, bridge, session, &ret->row);
    if (r == 0)
        r = bridges_get(db, bridge, &row);
    if (r == 0)
        r = reconnects_count_in_flight(db, now, bridge, &in_flight);
    if (r != 0)
        return r;
    ret->bridge = bridges_view(&row, in_flight);
    str_copy(str_from(row.no_reconnect_method), ret->no_reconnect_method, sizeof ret->no_reconnect_method);
    return 0;
}

/* ---- requests -------------------------------------------------------------------------------- */

static int ask(struct db *db, const struct policy *p, const struct now *now, const char *bridge,
               const char *session, bool force, struct retry_verdict *ret)
{
    struct subject s;
    struct retry next;
    int r = read_subject(db, now, bridge, session, &s);

    if (r != 0)
        return r;
    *ret = retry_ask_verdict(p, &s.row.retry, &s.session, &s.bridge, force, now->steady_ms);
    if (ret->why != WHY_READY)
        return RECONNECTS_REFUSED;
    next = retry_ask(&s.row.retry, force);
    return reconnects_save(db, now, &s.row, &next, NULL, 0);
}

int reconnects_ask(struct db *db, const struct policy *p, const struct now *now, const char *bridge,
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

int reconnects_park(struct db *db, const struct now *now, const char *bridge, const char *session,
                    const char *detail)
{
    struct txn t;
    int r = txn_begin(&t, db);

    return r == 0 ? txn_end(&t, park(db, now, bridge, session, RETRY_PARK_OPERATOR, detail)) : r;
}

static int unpark(struct db *db, const struct policy *p, const struct now *now, const char *bridge,
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
        return RECONNECTS_REFUSED;
    next = retry_unpark(p, &row.retry, s.state, now->steady_ms);
    return reconnects_save(db, now, &row, &next, NULL, rand64);
}

static int take_session(struct sql *q, char ret[SESSIONS_ID_MAX])
{
    int r = sql_next(q);

    if (r != SQL_ROW)
        return r < 0 ? r : RECONNECTS_NONE;
    str_copy(sql_text(q, 0), ret, SESSIONS_ID_MAX);
    return 0;
}

static int first_parked(struct db *db, const char *bridge, enum retry_park why, char ret[SESSIONS_ID_MAX])
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r =
        sql_query(db, "SELECT session FROM reconnect WHERE phase = 4 AND bridge = ?1 AND park = ?2 LIMIT 1",
                  &q, "si", bridge, (int64_t)why);

    return r == 0 ? take_session(q, ret) : r;
}

int reconnects_unpark_all(struct db *db, const struct policy *p, const struct now *now, const char *bridge,
                          enum retry_park why, uint64_t rand64, int64_t *ret_n)
{
    char session[SESSIONS_ID_MAX];
    int64_t n = 0;
    int r = 0;

    for (; r == 0; n++) {
        r = first_parked(db, bridge, why, session);
        if (r == 0)
            r = unpark(db, p, now, bridge, session, rand64 ^ (uint64_t)n * 0x9e3779b97f4a7c15U);
    }
    *ret_n = n - 1;
    return r == RECONNECTS_NONE ? 0 : r;
}

static int unpark_bridge(struct db *db, const struct policy *p, const struct now *now, const char *bridge,
                         enum retry_park why)
{
    int64_t n = 0;
    int r = why == RETRY_PARK_OUTDATED
                ? sql_run(db, "UPDATE bridge SET outdated_since = 0 WHERE name = ?1", "s", bridge)
                : 0;

    if (r == 0 && why == RETRY_PARK_OUTDATED)
        r = reconnects_unpark_all(db, p, now, bridge, why, 0, &n);
    return r;
}

static int unpark_by_hand(struct db *db, const struct policy *p, const struct now *now, const char *bridge,
                          const char *session)
{
    struct reconnect_row row;
    int r = reconnects_get(db, bridge, session, &row);

    if (r == 0)
        r = unpark(db, p, now, bridge, session, 0);
    return r == 0 ? unpark_bridge(db, p, now, bridge, row.retry.park) : r;
}

int reconnects_unpark(struct db *db, const struct policy *p, const struct now *now, const char *bridge,
                      const char *session)
{
    struct txn t;
    int r = txn_begin(&t, db);

    return r == 0 ? txn_end(&t, unpark_by_hand(db, p, now, bridge, session)) : r;
}

/* ---- a bridge that cannot reconnect ---------------------------------------------------------- */

static int first_due(struct db *db, const char *bridge, int64_t due_before, char ret[SESSIONS_ID_MAX])
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r = sql_query(
        db, "SELECT session FROM reconnect WHERE phase = 1 AND bridge = ?1 AND due_at <= ?2 LIMIT 1", &q,
        "si", bridge, due_before);

    return r == 0 ? take_session(q, ret) : r;
}

static int park_all_due(struct db *db, const struct now *now, const char *bridge, int64_t due_before,
                        const char *detail, int64_t *ret_n)
{
    char session[SESSIONS_ID_MAX];
    int64_t n = 0;
    int r = 0;

    for (; r == 0; n++) {
        r = first_due(db, bridge, due_before, session);
        if (r == 0)
            r = park(db, now, bridge, session, RETRY_PARK_NO_METHOD, detail);
    }
    *ret_n = n - 1;
    return r == RECONNECTS_NONE ? 0 : r;
}

int reconnects_park_no_method(struct db *db, const struct now *now, const char *bridge, int64_t waited_ms,
                              const char *detail, int64_t *ret_n)
{
    int64_t due_before = now->steady_ms - waited_ms;
    char session[SESSIONS_ID_MAX];
    struct txn t;
    int r = first_due(db, bridge, due_before, session);

    *ret_n = 0;
    if (r != 0)
        return r == RECONNECTS_NONE ? 0 : r;
    r = txn_begin(&t, db);
    return r == 0 ? txn_end(&t, park_all_due(db, now, bridge, due_before, detail, ret_n)) : r;
}

int reconnects_unpark_no_method(struct db *db, const struct policy *p, const struct now *now,
                                const char *bridge, int64_t *ret_n)
{
    char session[SESSIONS_ID_MAX];
    struct txn t;
    int r = first_parked(db, bridge, RETRY_PARK_NO_METHOD, session);

    *ret_n = 0;
    if (r != 0)
        return r == RECONNECTS_NONE ? 0 : r;
    r = txn_begin(&t, db);
    if (r != 0)
        return r;
    return txn_end(&t, reconnects_unpark_all(db, p, now, bridge, RETRY_PARK_NO_METHOD, 0, ret_n));
}

/* ---- what is shown --------------------------------------------------------------------------- */

static int count_ahead(struct db *db, const struct now *now, const struct reconnect_row *row, int64_t *ret)
{
    return sql_get_int(db,
                       "SELECT count(*) FROM reconnect WHERE phase = 1 AND bridge = ?1 AND due_at <= ?2"
                       " AND (due_at, shuffle_key) < (?3, ?4)",
                       ret, "siii", row->bridge, now->steady_ms, row->retry.due_at, row->shuffle_key);
}

/* About when: what the session waits for, or the bridge, then those before it at the bucket's rate. */
static int64_t guess_next_at(const struct policy *p, const struct reconnect_outlook *o, int64_t now)
{
    int64_t at = o->session.why == WHY_READY ? now : o->session.until;

    if (o->row.retry.phase != RETRY_DUE || at == 0)
        return 0;
    if (o->bridge.why != WHY_READY && o->bridge.until == 0)
        return 0;
    if (o->bridge.why != WHY_READY && o->bridge.until > at)
        at = o->bridge.until;
    return at + (p->rate_milli > 0 ? o->ahead * 1000 * 1000 / p->rate_milli : 0);
}

int reconnects_why(struct db *db, const struct policy *p, const struct now *now, const char *bridge,
                   const char *session, struct reconnect_outlook *ret)
{
    struct reconnect_outlook o = { 0 };
    struct subject s;
    int r = read_subject(db, now, bridge, session, &s);

    if (r != 0)
        return r;
    o.row = s.row;
    o.session = retry_session_verdict(p, &s.row.retry, &s.session, &s.bridge, now->steady_ms);
    o.bridge = retry_bridge_verdict(p, &s.bridge, now->steady_ms);
    if (s.row.retry.phase == RETRY_DUE)
        r = count_ahead(db, now, &s.row, &o.ahead);
    o.next_at = guess_next_at(p, &o, now->steady_ms);
    if (s.row.retry.phase == RETRY_DUE && s.no_reconnect_method[0]) {
        o.park_at = s.row.retry.due_at + p->no_method_ms;
        str_copy(str_from(s.no_reconnect_method), o.no_reconnect_method, sizeof o.no_reconnect_method);
    }
    if (r == 0)
        *ret = o;
    return r;
}

static int count_phases(struct db *db, const char *bridge, struct reconnect_queue *ret)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r = sql_query(db, "SELECT phase, count(*) FROM reconnect WHERE bridge = ?1 GROUP BY phase", &q, "s",
                      bridge);

    while (r == 0 && (r = sql_next(q)) == SQL_ROW) {
        int64_t phase = sql_int(q, 0);

        if (phase >= 0 && phase < RETRY_PHASE_N)
            ret->phase[phase] = sql_int(q, 1);
        r = 0;
    }
    return r;
}

int reconnects_queue(struct db *db, const struct now *now, const char *bridge, struct reconnect_queue *ret)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    struct reconnect_queue queue = { 0 };
    int r = count_phases(db, bridge, &queue);

    if (r == 0)
        r = sql_query(
            db,
            "SELECT count(*) FILTER (WHERE due_at <= ?2), min(due_at) FILTER (WHERE due_at <= ?2),"
            " min(due_at) FILTER (WHERE due_at > ?2) FROM reconnect WHERE phase = 1 AND bridge = ?1",
            &q, "si", bridge, now->steady_ms);
    if (r == 0)
        r = sql_next(q);
    if (r != SQL_ROW)
        return r;
    queue.waiting = sql_int(q, 0);
    queue.oldest_due_at = sql_int(q, 1);
    queue.next_due_at = sql_int(q, 2);
    *ret = queue;
    return 0;
}

int reconnects_count_in_flight(struct db *db, const struct now *now, const char *bridge, int64_t *ret)
{
    return sql_get_int(db,
                       "SELECT count(*) FROM reconnect WHERE phase = 2 AND bridge = ?1 AND lease_until > ?2",
                       ret, "si", bridge, now->steady_ms);
}
