/*
 * A report in three steps: is it new enough and to be believed → which state does it mean → is that a change.
 *
 * A poll knows less than a webhook: it says "disconnected" where the webhook said "logged out" (401). So a
 * poll's "disconnected" never overwrites a state that a webhook's cause has refined; anything else it says
 * does.
 */
#include "services/monitor/session_state.h"

#include <string.h>

struct session_known session_unknown(int64_t now_ms)
{
    return (struct session_known){ .state = SESSION_STATE_N, .known_ms = now_ms };
}

static const struct cause *cause_named(const char *name)
{
    const struct cause *c = cause_by_name(name);

    return c ? c : cause_find(0);
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Somebody has to act, or another client owns the session: attempts would do harm. */
static bool is_terminal(const struct session_report *report)
{
    return report->source == REPORT_WEBHOOK && report->state == SESSION_DISCONNECTED &&
           (report->final ||
            (report->cause && (report->cause->plan == PLAN_NEVER || report->cause->plan == PLAN_SLOW)));
}

/* Webhooks of one session are sent concurrently and retried, so they overtake each other. A terminal one is never
 * ignored for that: the clock that dates it may be wrong, and the next poll corrects it if it is old. */
static bool is_overtaken(const struct session_known *known, const struct session_report *report)
{
    if (report->source == REPORT_POLL)
        return known->webhook_ms >= report->at_ms && known->webhook_ms > 0;
    return known->webhook_ms > 0 && !is_terminal(report) && report->occurred_ms < known->webhook_occurred_ms;
}

/* A webhook that comes later than this was kept somewhere: its own time counts against the polls that were asked
 * meanwhile. For less the moment of its receipt does: two clocks never agree exactly. */
#define LATE_MS 10000

static bool is_late(const struct session_report *report)
{
    return report->at_ms - report->occurred_ms > LATE_MS;
}

/* A webhook from before the last poll: its state is history, but its cause may explain the poll. */
static bool is_before_poll(const struct session_known *known, const struct session_report *report)
{
    if (report->source != REPORT_WEBHOOK || is_terminal(report) || known->polled_ms == 0)
        return false;
    return (is_late(report) ? report->occurred_ms : report->at_ms) < known->polled_ms;
}

/* One bad answer is asked again: before a session is lost, and before it is down because only a poll says so. */
static bool needs_second_poll(const struct session_known *known, const struct session_report *report)
{
    if (report->source != REPORT_POLL)
        return false;
    if (report->missing)
        return known->state != SESSION_LOST;
    return report->state == SESSION_DISCONNECTED &&
           (known->state == SESSION_CONNECTED || known->state == SESSION_UNKNOWN);
}

/* Returns since when it is doubted, 0: it is believed. A session that has received something since is up. "Disconnected" and
 * then "not listed" are two answers that were given once each. */
static int64_t doubt(const struct session_known *known, const struct session_report *report,
                     const struct rules *rules)
{
    if (!needs_second_poll(known, report))
        return 0;
    if (known->doubt_ms == 0 || known->doubt_missing != report->missing ||
        known->received_ms > known->doubt_ms)
        return report->at_ms;
    return report->at_ms - known->doubt_ms < rules->recheck_ms ? known->doubt_ms : 0;
}

/* A poll has called it disconnected once, and was answered before this webhook was read: the two agree, and this one has the cause. */
static bool confirms_doubt(const struct session_known *known, const struct session_report *report)
{
    return report->state == SESSION_DISCONNECTED && known->state == SESSION_CONNECTED &&
           known->doubt_ms > 0 && !known->doubt_missing && known->received_ms <= known->doubt_ms &&
           !is_late(report);
}

static bool explains(const struct session_known *known, const struct session_report *report)
{
    if (confirms_doubt(known, report))
        return true;
    return report->state == SESSION_DISCONNECTED && known->state == SESSION_DISCONNECTED && report->cause &&
           (!known->cause || known->cause->code == 0);
}

/* Not in the list, but that means nothing yet: just created, or taken down and up again by an attempt. */
static bool may_be_absent(const struct session_known *known, int64_t start_ms, int64_t now_ms)
{
    if (known->attempting)
        return true;
    return !known->polled_once && now_ms - known->known_ms < start_ms;
}

/* Closed by the bridge itself, without a reason: half of an attempt that is under way. */
static bool is_attempts_own_close(const struct session_known *known, const struct session_report *report)
{
    return known->attempting && report->source == REPORT_WEBHOOK && report->state == SESSION_DISCONNECTED &&
           (!report->cause || report->cause->code == 0) && !report->final;
}

static bool is_believed(const struct session_known *known, const struct session_report *report,
                        int64_t start_ms, int64_t now_ms)
{
    if (report->source == REPORT_POLL && report->missing && may_be_absent(known, start_ms, now_ms))
        return false;
    return !is_attempts_own_close(known, report) && !is_overtaken(known, report);
}

static enum session_state state_of_cause(const struct cause *c)
{
    int state = session_state_find(str_from(c->state));

    return state < 0 ? SESSION_DISCONNECTED : (enum session_state)state;
}

/* The bridge gives up on showing a code that nobody scanned: still a person's turn, not ours. */
static bool is_expired_code(const struct session_known *known, const struct cause *c)
{
    return known->state == SESSION_QR_PENDING && !known->paired && (c->code == 0 || c->code == 408);
}

static void set(struct session_verdict *v, enum session_state state, const struct cause *cause)
{
    v->state = state;
    v->cause = cause;
}

static void webhook_disconnected(const struct session_known *known, const struct session_report *report,
                                 struct session_verdict *v)
{
    const struct cause *c = report->cause ? report->cause : cause_find(0);

    if (report->final && c->plan != PLAN_NEVER)
        c = cause_named("logged-out");
    if (is_expired_code(known, c))
        set(v, SESSION_QR_PENDING, c);
    else
        set(v, state_of_cause(c), c);
}

static void poll_disconnected(const struct session_known *known, const struct session_report *report,
                              struct session_verdict *v)
{
    bool refined = known->state == SESSION_DISCONNECTED || known->state == SESSION_LOGGED_OUT ||
                   known->state == SESSION_FAILED || (known->state == SESSION_QR_PENDING && known->cause);

    if (known->state == SESSION_UNKNOWN && known->cause && !report->final)
        set(v, state_of_cause(known->cause), known->cause); /* as before the word that we do not know */
    else if (report->final && known->state != SESSION_LOGGED_OUT && known->state != SESSION_FAILED)
        set(v, SESSION_LOGGED_OUT, cause_named("logged-out"));
    else if (report->cause && (!refined || !known->cause || known->cause->code == 0))
        set(v, state_of_cause(report->cause), report->cause); /* the bridge shows the code beside the state */
    else if (!refined)
        set(v, SESSION_DISCONNECTED, cause_named("poll"));
}

/* A webhook has just brought a code: some bridges have no word for that, and go on calling the session starting
 * (Evolution). The next code is published, too. */
static bool has_code(const struct session_known *known, const struct session_report *report, int64_t start_ms)
{
    return known->state == SESSION_QR_PENDING && known->webhook_ms > 0 &&
           report->at_ms - known->webhook_ms < start_ms;
}

static void poll_starting(const struct session_known *known, const struct session_report *report,
                          int64_t start_ms, int64_t now_ms, struct session_verdict *v)
{
    if (has_code(known, report, start_ms)) {
        set(v, SESSION_QR_PENDING, known->cause);
        return;
    }
    v->starting_ms = known->starting_ms > 0 ? known->starting_ms : now_ms;
    if (now_ms - later(v->starting_ms, known->attempt_ms) > start_ms)
        set(v, SESSION_DISCONNECTED, cause_named("start-timeout"));
    else
        set(v, SESSION_STARTING, known->cause);
}

/* A bridge that knows by itself that a session is logged out or failed: keep a cause that says more. */
static void poll_ended(const struct session_known *known, enum session_state state, struct session_verdict *v)
{
    if (known->cause && state_of_cause(known->cause) == state)
        set(v, state, known->cause);
    else
        set(v, state, cause_named(state == SESSION_LOGGED_OUT ? "logged-out" : "poll"));
}

/* Lost in each good answer for a long time, by a bridge that has its others: somebody has removed it there. */
static const struct cause *why_missing(const struct session_known *known, const struct session_report *report,
                                       const struct rules *rules)
{
    const struct cause *removed = cause_named("removed");
    bool for_long = known->lost_ms > 0 && report->at_ms - known->lost_ms >= rules->removed_ms;

    if (known->state == SESSION_LOST && (known->cause == removed || (report->others_listed && for_long)))
        return removed;
    return cause_named("lost");
}

static void apply_report(const struct session_known *known, const struct session_report *report,
                         const struct rules *rules, int64_t now_ms, struct session_verdict *v)
{
    v->starting_ms = 0;
    if (report->missing)
        return set(v, SESSION_LOST, why_missing(known, report, rules));
    switch (report->state) {
    case SESSION_STARTING:
        return poll_starting(known, report, rules->start_ms, now_ms, v);
    case SESSION_DISCONNECTED:
        return report->source == REPORT_WEBHOOK ? webhook_disconnected(known, report, v)
                                                : poll_disconnected(known, report, v);
    case SESSION_LOGGED_OUT:
    case SESSION_FAILED:
        return poll_ended(known, report->state, v);
    case SESSION_QR_PENDING:
        return set(v, SESSION_QR_PENDING, known->state == SESSION_QR_PENDING ? known->cause : NULL);
    case SESSION_UNKNOWN: /* it says nothing about the cause that is known */
        return set(v, SESSION_UNKNOWN, known->cause);
    default:
        return set(v, report->state, NULL);
    }
}

void session_state_next(const struct session_known *known, const struct session_report *report,
                        const struct rules *rules, int64_t now_ms, struct session_verdict *ret)
{
    *ret = (struct session_verdict){ .state = known->state,
                                     .cause = known->cause,
                                     .starting_ms = known->starting_ms,
                                     .doubt_ms = known->doubt_ms,
                                     .doubt_missing = known->doubt_missing };
    if (!is_believed(known, report, rules->start_ms, now_ms))
        return;
    if (is_before_poll(known, report) && !explains(known, report))
        return;
    ret->doubt_ms = doubt(known, report, rules);
    ret->doubt_missing = report->missing;
    if (ret->doubt_ms > 0)
        return;
    ret->taken = true;
    apply_report(known, report, rules, now_ms, ret);
    ret->changed = ret->state != known->state || ret->cause != known->cause;
    ret->drop =
        known->state == SESSION_CONNECTED && ret->state != SESSION_CONNECTED && ret->state != SESSION_UNKNOWN;
}
