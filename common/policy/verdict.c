/*
 * Every reason not to attempt a session now, in the order in which a person wants to know them: steps for a
 * person, steps under way, waiting times. The first that holds is the verdict.
 */
#include "common/policy/retry.h"

#define READY(now)     ((struct retry_verdict){ WHY_READY, (now) })
#define NO(why, until) ((struct retry_verdict){ WHY_##why, (until) })

static struct retry_verdict phase_verdict(const struct retry *r)
{
    switch (r->phase) {
    case RETRY_PARKED:
        return NO(PARKED, 0);
    case RETRY_CALLING:
        return NO(CALLING, r->lease_until);
    case RETRY_VERIFYING:
        return NO(VERIFYING, r->verify_until);
    default:
        return READY(0);
    }
}

static struct retry_verdict state_verdict(enum session_state s)
{
    switch (s) {
    case SESSION_STARTING:
        return NO(STARTING, 0);
    case SESSION_QR_PENDING:
        return NO(QR_PENDING, 0);
    case SESSION_ACTION_REQUIRED:
        return NO(ACTION_REQUIRED, 0);
    case SESSION_CONNECTED:
        return NO(CONNECTED, 0);
    case SESSION_LOGGED_OUT:
        return NO(LOGGED_OUT, 0);
    case SESSION_FAILED:
        return NO(FAILED, 0);
    case SESSION_UNKNOWN:
        return NO(UNKNOWN_STATE, 0);
    case SESSION_LOST:
        return NO(LOST, 0);
    default:
        return READY(0);
    }
}

/* The two states in which an attempt may be wanted nevertheless. */
static bool is_exempt(const struct retry *r, enum session_state s)
{
    return r->phase == RETRY_DUE && ((r->reason == RETRY_FOR_SILENT && s == SESSION_CONNECTED) ||
                                     (r->reason == RETRY_FOR_OPERATOR && s == SESSION_FAILED) ||
                                     (r->reason == RETRY_FOR_BAN_OVER && s == SESSION_FAILED));
}

static struct retry_verdict spacing_verdict(const struct policy *p, const struct retry *r, int64_t now)
{
    int64_t next = r->last_sent + policy_spacing_ms(p);

    return r->last_sent > 0 && now < next ? NO(SPACING, next) : READY(now);
}

static bool is_spaced(const struct retry *r)
{
    return !r->forced && r->reason != RETRY_FOR_AT_ONCE;
}

/* Its cause may be on its way; put off for something else it is not waited for any more. */
static bool is_grace(const struct policy *p, const struct retry *r)
{
    int64_t grace_ms = p->grace_ms > p->cause_grace_ms ? p->grace_ms : p->cause_grace_ms;

    return r->reason == RETRY_FOR_DROP && r->due_at - r->seen_at <= grace_ms;
}

static struct retry_verdict due_verdict(const struct policy *p, const struct retry *r, int64_t now)
{
    if (now >= r->due_at)
        return READY(now);
    if (is_grace(p, r))
        return NO(GRACE, r->due_at);
    if (r->reason == RETRY_FOR_BAN_OVER)
        return NO(BANNED, r->due_at);
    return r->reason == RETRY_FOR_SLOW ? NO(SLOW, r->due_at) : NO(NOT_DUE, r->due_at);
}

static struct retry_verdict flap_verdict(const struct retry *r, const struct retry_session *s, int64_t now)
{
    bool asked = r->reason == RETRY_FOR_OPERATOR || r->asked;

    return now < s->suppressed_until && !asked ? NO(FLAPPING, s->suppressed_until) : READY(now);
}

static struct retry_verdict longer(struct retry_verdict a, struct retry_verdict b)
{
    return b.why != WHY_READY && b.until > a.until ? b : a;
}

/* A bridge that has no reconnect call restarts a session after 515 by itself (zapw: within 2 s). To restart
 * the whole bridge meanwhile would only be in the way. */
#define HOOK_AT_ONCE_WAIT_MS 10000

static struct retry_verdict self_restart_verdict(const struct retry *r, int64_t now)
{
    int64_t until = r->seen_at + HOOK_AT_ONCE_WAIT_MS;

    return r->reason == RETRY_FOR_AT_ONCE && now < until ? NO(NOT_DUE, until) : READY(now);
}

/* Time heals these: of those that hold, the one that lasts longest. */
static struct retry_verdict time_verdict(const struct policy *p, const struct retry *r,
                                         const struct retry_session *s, const struct retry_bridge *b,
                                         int64_t now)
{
    struct retry_verdict v = is_spaced(r) ? spacing_verdict(p, r, now) : READY(now);
    bool seen = r->last_sent == 0 || r->seen_at > r->last_sent || b->swept_at > r->last_sent;

    v = longer(v, due_verdict(p, r, now));
    v = longer(v, flap_verdict(r, s, now));
    if (v.why != WHY_READY)
        return v;
    if (!seen && is_spaced(r))
        return NO(NOT_SEEN, 0);
    return b->by_hook ? self_restart_verdict(r, now) : READY(now);
}

struct retry_verdict retry_session_verdict(const struct policy *p, const struct retry *r,
                                           const struct retry_session *s, const struct retry_bridge *b,
                                           int64_t now)
{
    struct retry_verdict v = phase_verdict(r);

    if (v.why == WHY_READY && !is_exempt(r, s->state))
        v = state_verdict(s->state);
    if (v.why != WHY_READY)
        return v;
    if (r->phase == RETRY_IDLE)
        return NO(NOT_WANTED, 0);
    return time_verdict(p, r, s, b, now);
}

#define HOOK_DOUBLINGS_MAX 2

int64_t retry_hook_until(int64_t last_at, int64_t runs, int64_t spacing_ms)
{
    int64_t futile = runs > 0 ? runs - 1 : 0;

    if (last_at == 0)
        return 0;
    return last_at + (spacing_ms << (futile < HOOK_DOUBLINGS_MAX ? futile : HOOK_DOUBLINGS_MAX));
}

/* R4's part of the bridge. */
static struct retry_verdict health_verdict(const struct retry_bridge *b, int64_t now)
{
    if (b->unwatched)
        return NO(NOT_CONFIGURED, 0);
    if (!b->known)
        return NO(NO_DRIVER, 0);
    if (b->health == BRIDGE_HEALTH_UNKNOWN)
        return NO(BRIDGE_UNKNOWN, 0);
    if (b->health == BRIDGE_HEALTH_DOWN)
        return NO(BRIDGE_DOWN, 0);
    if (b->incident)
        return NO(INCIDENT, 0);
    if (b->outdated)
        return NO(OUTDATED, 0);
    if (b->no_reconnect_method)
        return b->hook_guarded ? NO(HOOK_GUARD, 0) : NO(NO_METHOD, 0);
    return now >= b->fresh_until ? NO(MONITOR_SILENT, 0) : READY(now);
}

struct retry_verdict retry_bridge_verdict(const struct policy *p, const struct retry_bridge *b, int64_t now)
{
    struct retry_verdict v = health_verdict(b, now);

    if (v.why == WHY_READY)
        v = breaker_verdict(&p->breaker, &b->breaker, now);
    if (v.why != WHY_READY)
        return v;
    if (now < b->hook_until)
        return NO(HOOK_SPACING, b->hook_until);
    if (b->in_flight >= p->in_flight_max)
        return NO(IN_FLIGHT_MAX, 0);
    if (bucket_level(p, &b->bucket, now) < 1)
        return NO(BUCKET_EMPTY, bucket_ready_at(p, &b->bucket, now));
    return READY(now);
}

struct retry_verdict retry_ask_verdict(const struct policy *p, const struct retry *r,
                                       const struct retry_session *s, const struct retry_bridge *b,
                                       bool force, int64_t now)
{
    struct retry_verdict v = phase_verdict(r);

    if (v.why == WHY_READY && !is_exempt(r, s->state))
        v = state_verdict(s->state);
    if (v.why == WHY_READY && r->reason == RETRY_FOR_BAN_OVER)
        v = due_verdict(p, r, now);
    if (v.why == WHY_READY)
        v = health_verdict(b, now);
    if (v.why == WHY_READY && b->breaker.state == BREAKER_OPEN)
        v = breaker_verdict(&p->breaker, &b->breaker, now);
    if (v.why == WHY_READY && !force)
        v = spacing_verdict(p, r, now);
    return v;
}
