/*
 * The outlook of a session: its next step, its time, and the reason why not sooner.
 */
#include "common/base/text.h"
#include "common/reconnect/reconnect.h"
#include "common/reconnect/subject.h"

int subject_read(struct db *db, const struct now *now, const char *bridge, const char *session,
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

/* The later of the session's and the bridge's times, then one slot of the bucket, at its rate of now, for each session
 * before it. */
static int64_t guess_next_at(const struct policy *p, const struct reconnect_outlook *o,
                             const struct bucket *bucket, int64_t now)
{
    int64_t rate_milli = bucket_rate_milli(p, bucket, now);
    int64_t at = o->session.why == WHY_READY ? now : o->session.until;

    if (o->row.retry.phase != RETRY_DUE || at == 0)
        return 0;
    if (o->bridge.why != WHY_READY && o->bridge.until == 0)
        return 0;
    if (o->bridge.why != WHY_READY && o->bridge.until > at)
        at = o->bridge.until;
    return at + (rate_milli > 0 ? o->ahead * 1000 * 1000 / rate_milli : 0);
}

int reconnect_outlook(struct db *db, const struct policy *p, const struct now *now, const char *bridge,
                      const char *session, struct reconnect_outlook *ret)
{
    struct reconnect_outlook o = { 0 };
    struct subject s;
    int r = subject_read(db, now, bridge, session, &s);

    if (r != 0)
        return r;
    o.row = s.row;
    o.session = retry_session_verdict(p, &s.row.retry, &s.session, &s.bridge, now->steady_ms);
    o.bridge = retry_bridge_verdict(p, &s.bridge, now->steady_ms);
    if (s.row.retry.phase == RETRY_DUE)
        r = reconnects_count_ahead(db, now, &s.row, &o.ahead);
    o.next_at = guess_next_at(p, &o, &s.bridge.bucket, now->steady_ms);
    if (s.row.retry.phase == RETRY_DUE && s.no_reconnect_method[0] && !s.bridge.hook_guarded) {
        o.park_at = s.row.retry.due_at + p->no_method_ms;
        str_copy(str_from(s.no_reconnect_method), o.no_reconnect_method, sizeof o.no_reconnect_method);
    }
    if (r == 0)
        *ret = o;
    return r;
}
