/*
 * The transitions of one session's reconnection; the drawing stands in retry.h. The rules against an attempt
 * are in verdict.c.
 */
#include "common/policy/retry.h"

/* A due session that must not be attempted until the monitor has looked at it is due again so much later. */
#define LOOK_AGAIN_MS 5000
/* A verdict may change before its time (the monitor lifts a flap damping): it is asked for again within this.
 */
#define PUT_OFF_MAX_MS (60 * 1000)
/* Doubling stops here: MIN..MAX is cut by MAX long before. */
#define BACKOFF_DOUBLINGS_MAX 30

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* ---- when ------------------------------------------------------------------------------------ */

static int64_t spaced_at(const struct policy *p, const struct retry *r, int64_t now)
{
    return r->last_sent > 0 ? later(now, r->last_sent + policy_spacing_ms(p)) : now;
}

int64_t retry_next_at(const struct policy *p, const struct retry *r, uint64_t rand64)
{
    int64_t doublings = r->attempts < BACKOFF_DOUBLINGS_MAX ? r->attempts : BACKOFF_DOUBLINGS_MAX;
    int64_t window = p->backoff_max_ms;

    if (p->backoff_min_ms <= 0)
        return r->last_sent + p->interval_ms;
    if (p->backoff_min_ms < p->backoff_max_ms >> doublings)
        window = p->backoff_min_ms << doublings;
    if (window < p->backoff_min_ms)
        window = p->backoff_min_ms;
    return r->last_sent + p->backoff_min_ms + (int64_t)(rand64 % (uint64_t)(window - p->backoff_min_ms + 1));
}

/* ---- small steps ----------------------------------------------------------------------------- */

/* A backoff that was drawn holds when the bridge starts the session by itself, in vain. */
static void set_idle(struct retry *r)
{
    if (r->reason != RETRY_FOR_AGAIN)
        r->due_at = 0;
    r->phase = RETRY_IDLE;
    r->reason = RETRY_FOR_NONE;
    r->forced = r->asked = false;
}

static void set_due(struct retry *r, enum retry_reason reason, int64_t due_at)
{
    r->phase = RETRY_DUE;
    r->reason = reason;
    r->due_at = due_at;
    r->forced = r->asked = false;
}

static void set_parked(struct retry *r, enum retry_park park)
{
    r->phase = RETRY_PARKED;
    r->reason = RETRY_FOR_NONE;
    r->park = park;
    r->forced = r->asked = false;
}

/* Nothing is planned: parked if somebody asked for that while the attempt was under way. */
static void set_over(struct retry *r)
{
    if (r->park != RETRY_PARK_NONE)
        set_parked(r, r->park);
    else
        set_idle(r);
}

static void reset_counters(struct retry *r)
{
    r->attempts = 0;
    r->failures = 0;
    r->at_once_used = false;
    r->slow_used = false;
}

/* An attempt that had no effect: nothing is used up. */
static void give_back(struct retry *r)
{
    if (!r->no_effect)
        return;
    r->no_effect = false;
    r->last_sent = r->sent_before;
    r->attempts -= r->attempts > 0 ? 1 : 0;
    r->at_once_used = r->at_once_used && r->reason != RETRY_FOR_AT_ONCE;
    r->slow_used = r->slow_used && r->reason != RETRY_FOR_SLOW;
}

static bool has_attempt(const struct retry *r)
{
    return r->phase == RETRY_CALLING || r->phase == RETRY_VERIFYING;
}

/* After the end that a ban has given: clocks differ, and WhatsApp does not count to the second. */
#define BAN_MARGIN_MS (60 * 1000)

/* While CALLING it is remembered until the call is over. */
static void wait_for_ban(struct retry *r, int64_t ban_until)
{
    r->reason = RETRY_FOR_BAN_OVER;
    r->due_at = ban_until + BAN_MARGIN_MS;
    if (r->phase != RETRY_CALLING)
        set_due(r, RETRY_FOR_BAN_OVER, r->due_at);
}

/* A ban came while the attempt was under way. */
static bool is_banned_since(const struct retry *r)
{
    return r->reason == RETRY_FOR_BAN_OVER && r->due_at > r->claimed_at;
}

/* ---- the end of an attempt that did not connect ---------------------------------------------- */

static enum retry_park park_after(const struct policy *p, const struct retry *r, enum session_state state,
                                  bool counts)
{
    if (r->park != RETRY_PARK_NONE)
        return r->park;
    if (counts && r->reason == RETRY_FOR_SLOW)
        return RETRY_PARK_TWO_OWNERS;
    if (r->failures >= p->failures_max)
        return RETRY_PARK_FAILURES;
    return state == SESSION_FAILED ? RETRY_PARK_CAUSE : RETRY_PARK_NONE;
}

/* @counts: it is the session's failure, not the bridge's nor ours. */
static void end_attempt(const struct policy *p, struct retry *r, enum session_state state, bool counts,
                        uint64_t rand64)
{
    bool slow_again = r->reason == RETRY_FOR_SLOW && !counts;
    enum retry_park park;

    if (state == SESSION_FAILED && is_banned_since(r) && r->park == RETRY_PARK_NONE) {
        set_due(r, RETRY_FOR_BAN_OVER, r->due_at);
        return;
    }
    r->failures += counts && r->reason != RETRY_FOR_AT_ONCE ? 1 : 0;
    park = park_after(p, r, state, counts);
    r->due_at = retry_next_at(p, r, rand64);
    if (park != RETRY_PARK_NONE) {
        set_parked(r, park);
    } else if (state == SESSION_DISCONNECTED) {
        r->slow_used = r->slow_used && !slow_again; /* its one retry has not been had yet */
        set_due(r, slow_again ? RETRY_FOR_SLOW : RETRY_FOR_AGAIN, r->due_at);
    } else {
        r->reason = RETRY_FOR_AGAIN;
        set_idle(r);
    }
}

/* ---- reports of the monitor ------------------------------------------------------------------ */

/* Park means park until a person acts, even if the bridge recovers. An unpark is such an act, and so is a new pairing, for
 * all but a park by hand. Two reasons are facts about the bridge, which a connect disproves (a client that is too
 * old) or which nobody has decided on (no reconnect method): those end by themselves. */
static bool is_park_over(enum retry_park park, enum session_state from)
{
    switch (park) {
    case RETRY_PARK_OPERATOR:
        return false;
    case RETRY_PARK_FAILURES:
    case RETRY_PARK_TWO_OWNERS:
    case RETRY_PARK_CAUSE:
        return from == SESSION_QR_PENDING || from == SESSION_ACTION_REQUIRED;
    default:
        return true;
    }
}

static void follow_connected(struct retry *r, enum session_state from, struct retry_effect *effect)
{
    effect->bridge_current = true;
    effect->confirmed = r->phase == RETRY_VERIFYING;
    if (is_park_over(r->park, from))
        r->park = RETRY_PARK_NONE;
    if (r->phase == RETRY_CALLING)
        return;
    if (r->phase == RETRY_VERIFYING)
        give_back(r);
    set_over(r);
    r->due_at = 0;
}

static int64_t grace_ms(const struct policy *p, enum cause_plan plan)
{
    return plan == PLAN_ASK ? later(p->grace_ms, p->cause_grace_ms) : p->grace_ms;
}

static void drop_by_plan(const struct policy *p, struct retry *r, enum cause_plan plan, int64_t now)
{
    if (plan == PLAN_AT_ONCE && !r->at_once_used)
        set_due(r, RETRY_FOR_AT_ONCE, now);
    else if (plan == PLAN_SLOW && r->slow_used)
        set_parked(r, RETRY_PARK_TWO_OWNERS);
    else if (plan == PLAN_SLOW)
        set_due(r, RETRY_FOR_SLOW, spaced_at(p, r, now + p->replaced_delay_ms));
    else
        set_due(r, r->failures > 0 ? RETRY_FOR_AGAIN : RETRY_FOR_DROP,
                later(spaced_at(p, r, now + grace_ms(p, plan)), r->due_at));
}

/* A plan that replaces the present one: 515 brings it forward, 440 puts it off. */
static bool plan_changes(const struct retry *r, enum cause_plan plan)
{
    return (plan == PLAN_AT_ONCE && !r->at_once_used && r->reason != RETRY_FOR_AT_ONCE) ||
           (plan == PLAN_SLOW && r->reason != RETRY_FOR_SLOW && r->reason != RETRY_FOR_OPERATOR);
}

/* It was put off for the flap damping, which holds no more. */
static void relieve(const struct policy *p, struct retry *r, int64_t now)
{
    int64_t at = spaced_at(p, r, now);

    if (r->phase == RETRY_DUE && (r->reason == RETRY_FOR_DROP || r->reason == RETRY_FOR_AGAIN) &&
        at < r->due_at)
        r->due_at = at;
}

static void follow_disconnected(const struct policy *p, struct retry *r, enum cause_plan plan, int64_t now,
                                struct retry_effect *effect)
{
    bool at_once = plan == PLAN_AT_ONCE && !r->at_once_used;

    r->seen_at = now;
    switch (r->phase) {
    case RETRY_IDLE:
        drop_by_plan(p, r, plan, now);
        break;
    case RETRY_DUE:
        if (plan_changes(r, plan))
            drop_by_plan(p, r, plan, now);
        break;
    case RETRY_VERIFYING: /* the restart that a login asks for ends the attempt; other drops may be followed
                             by a connect of the bridge's own */
        if (at_once) {
            effect->closed = true;
            drop_by_plan(p, r, plan, now);
        }
        break;
    case RETRY_CALLING:
        if (at_once)
            r->reason = RETRY_FOR_AT_ONCE; /* remembered until the call is over */
        break;
    default:
        break;
    }
}

/* A person has to act, or the bridge starts it by itself: nothing is planned. */
static void follow_waiting(struct retry *r, enum session_state to, struct retry_effect *effect)
{
    if (r->phase == RETRY_DUE)
        set_idle(r);
    if (r->phase != RETRY_VERIFYING || to == SESSION_STARTING || to == SESSION_UNKNOWN)
        return;
    effect->closed = true;
    set_over(r);
}

static void follow_failed(struct retry *r, const struct retry_change *change, struct retry_effect *effect)
{
    bool of_bridge = change->cause && change->cause->scope == SCOPE_BRIDGE;

    effect->bridge_outdated = of_bridge;
    effect->closed = r->phase == RETRY_VERIFYING;
    if (r->phase == RETRY_PARKED)
        return;
    if (change->ban_until > 0 && r->park == RETRY_PARK_NONE) {
        wait_for_ban(r, change->ban_until);
        return;
    }
    r->park = of_bridge ? RETRY_PARK_OUTDATED : RETRY_PARK_CAUSE;
    if (r->phase != RETRY_CALLING)
        set_parked(r, r->park);
}

struct retry retry_follow(const struct policy *p, const struct retry *r, const struct retry_change *change,
                          int64_t now, struct retry_effect *ret_effect)
{
    struct retry n = *r;
    struct retry_effect effect = { 0 };

    if (change->to != SESSION_CONNECTED && change->connected_ms >= p->stable_ms)
        reset_counters(&n);
    if (change->relieved)
        relieve(p, &n, now);
    else if (change->to == SESSION_CONNECTED && !change->silent)
        follow_connected(&n, change->from, &effect);
    else if (change->to == SESSION_CONNECTED && n.phase == RETRY_IDLE)
        set_due(&n, RETRY_FOR_SILENT, spaced_at(p, &n, now));
    else if (change->to == SESSION_DISCONNECTED)
        follow_disconnected(p, &n, change->cause ? change->cause->plan : PLAN_NORMAL, now, &effect);
    else if (change->to == SESSION_FAILED)
        follow_failed(&n, change, &effect);
    else if (change->to != SESSION_CONNECTED)
        follow_waiting(&n, change->to, &effect);
    *ret_effect = effect;
    return n;
}

struct retry retry_not_connected(const struct policy *p, const struct retry *r, enum session_state state,
                                 uint64_t rand64, int64_t now)
{
    struct retry n = *r;

    n.seen_at = now;
    end_attempt(p, &n, state, true, rand64);
    return n;
}

/* ---- steps of a worker ----------------------------------------------------------------------- */

struct retry retry_put_off(const struct retry *r, struct retry_verdict v, int64_t now)
{
    struct retry n = *r;

    if (v.until > now)
        n.due_at = v.until - now < PUT_OFF_MAX_MS ? v.until : now + PUT_OFF_MAX_MS;
    else if (v.why == WHY_NOT_SEEN)
        n.due_at = now + LOOK_AGAIN_MS;
    else
        set_idle(&n);
    return n;
}

struct retry retry_claim(const struct policy *p, const struct retry *r, int64_t token, int64_t now)
{
    struct retry n = *r;

    n.phase = RETRY_CALLING;
    n.asked = false;
    n.token = token;
    n.claimed_at = now;
    n.lease_until = now + p->lease_ms;
    n.sent_before = r->last_sent;
    n.no_effect = false;
    n.last_sent = now + p->sent_ms; /* should this worker die, nobody knows better */
    n.attempts++;
    n.at_once_used = r->at_once_used || r->reason == RETRY_FOR_AT_ONCE;
    n.slow_used = r->slow_used || r->reason == RETRY_FOR_SLOW;
    return n;
}

/* With a short interval the next attempt does not wait for the verification of the last. */
static int64_t verify_ms(const struct policy *p)
{
    int64_t spacing = policy_spacing_ms(p);

    return p->verify_ms < spacing ? p->verify_ms : spacing;
}

/* A failed session that a person unparked is recorded as failed until it connects. */
static bool may_still_connect(const struct retry *r, enum session_state state)
{
    return state == SESSION_DISCONNECTED || state == SESSION_STARTING || state == SESSION_UNKNOWN ||
           (state == SESSION_FAILED && r->park == RETRY_PARK_NONE &&
            (r->reason == RETRY_FOR_OPERATOR || (r->reason == RETRY_FOR_BAN_OVER && !is_banned_since(r))));
}

static enum attempt_outcome taken(const struct policy *p, struct retry *r, enum session_state state,
                                  uint64_t rand64, int64_t now)
{
    if (state == SESSION_DISCONNECTED && r->reason == RETRY_FOR_AT_ONCE && !r->at_once_used) {
        set_due(r, RETRY_FOR_AT_ONCE, now);
        return ATTEMPT_NOT_CONNECTED;
    }
    if (!may_still_connect(r, state)) {
        end_attempt(p, r, state, true, rand64);
        return ATTEMPT_NOT_CONNECTED;
    }
    r->phase = RETRY_VERIFYING;
    r->called_at = now;
    r->verify_until = now + verify_ms(p);
    return ATTEMPT_CALLED;
}

struct retry retry_called(const struct policy *p, const struct retry *r, const struct retry_call *call,
                          enum session_state state, uint64_t rand64, int64_t now,
                          enum attempt_outcome *ret_outcome)
{
    struct retry n = *r;

    n.last_sent = r->claimed_at + (call->sent_after_ms > 0 ? call->sent_after_ms : 0);
    n.no_effect = call->no_effect;
    *ret_outcome = call->outcome;
    if (state == SESSION_CONNECTED && (r->reason != RETRY_FOR_SILENT || call->outcome == ATTEMPT_CALLED)) {
        give_back(&n);
        set_over(&n);
        *ret_outcome = ATTEMPT_SUCCEEDED;
    } else if (call->outcome == ATTEMPT_CALLED) {
        *ret_outcome = taken(p, &n, state, rand64, now);
    } else if (call->outcome == ATTEMPT_NO_METHOD) {
        set_parked(&n, RETRY_PARK_NO_METHOD);
    } else {
        end_attempt(p, &n, state, call->outcome == ATTEMPT_REFUSED, rand64);
        if (call->outcome == ATTEMPT_THROTTLED && n.phase == RETRY_DUE && n.due_at < now + call->wait_ms)
            n.due_at = now + call->wait_ms;
    }
    return n;
}

bool retry_fault_is_own(const struct retry_fault *f)
{
    if (!f->repeated)
        return false;
    return f->well > 0 || (f->answered && f->bad == 0 && f->bridge_well);
}

struct retry retry_repair(const struct policy *p, const struct retry *r, enum session_state state,
                          uint64_t rand64, int64_t now, enum attempt_outcome *ret_outcome)
{
    struct retry n = *r;

    if (state == SESSION_CONNECTED && r->reason != RETRY_FOR_SILENT) {
        give_back(&n);
        set_over(&n);
        *ret_outcome = ATTEMPT_SUCCEEDED;
        return n;
    }
    *ret_outcome = r->phase == RETRY_CALLING ? ATTEMPT_WORKER_LOST : ATTEMPT_UNCONFIRMED;
    end_attempt(p, &n, state, false, rand64);
    return n;
}

/* ---- steps of an operator -------------------------------------------------------------------- */

struct retry retry_ask(const struct retry *r, bool force, int64_t now)
{
    /* The slow retry is had now: another client is still in the way, so it is the only one. */
    bool slow = r->phase == RETRY_DUE && r->reason == RETRY_FOR_SLOW;
    struct retry n = *r;

    set_due(&n, slow ? RETRY_FOR_SLOW : RETRY_FOR_OPERATOR, now);
    n.asked = true;
    n.forced = force;
    return n;
}

struct retry retry_park(const struct retry *r, enum retry_park park)
{
    struct retry n = *r;

    if (has_attempt(r))
        n.park = park;
    else if (r->phase != RETRY_PARKED || park == RETRY_PARK_OPERATOR)
        set_parked(&n, park);
    return n;
}

struct retry retry_unpark(const struct policy *p, const struct retry *r, enum session_state state,
                          int64_t now)
{
    struct retry n = *r;

    reset_counters(&n);
    n.park = RETRY_PARK_NONE;
    if (has_attempt(r))
        return n;
    if (state == SESSION_DISCONNECTED)
        set_due(&n, RETRY_FOR_DROP, spaced_at(p, &n, now));
    else if (state == SESSION_FAILED) /* a person says that the cause is gone */
        set_due(&n, RETRY_FOR_OPERATOR, spaced_at(p, &n, now));
    else
        set_idle(&n);
    return n;
}
