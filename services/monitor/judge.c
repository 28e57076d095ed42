/*
 * judge: is the word new enough → what state does it mean → is that a change.
 *
 * A poll knows less than a webhook: it says "disconnected" where the webhook said "logged out" (401). So a
 * poll's "disconnected" never overwrites a state that a webhook's cause has refined; anything else it says
 * does.
 */
#include "services/monitor/judge.h"

#include <string.h>

struct judge_held judge_unknown(int64_t now_ms)
{
    return (struct judge_held){ .state = SESSION_STATE_N, .known_ms = now_ms };
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

/* Webhooks of one session are sent concurrently and retried, so they overtake each other. */
static bool is_overtaken(const struct judge_held *held, const struct judge_said *said)
{
    if (said->source == JUDGE_POLL)
        return held->heard_ms >= said->at_ms && held->heard_ms > 0;
    if (said->occurred_ms > 0 && held->heard_occurred_ms > 0)
        return said->occurred_ms < held->heard_occurred_ms;
    return said->at_ms < held->heard_ms;
}

/* A webhook from before the last poll: its state is history, but its cause may explain what the poll saw. */
static bool is_before_poll(const struct judge_held *held, const struct judge_said *said)
{
    return said->source == JUDGE_WEBHOOK && said->at_ms < held->polled_ms;
}

static bool explains(const struct judge_held *held, const struct judge_said *said)
{
    return said->state == SESSION_DISCONNECTED && held->state == SESSION_DISCONNECTED && said->cause &&
           (!held->cause || held->cause->code == 0);
}

/* Not in the list, but that means nothing yet: just created, or taken down and up again by an attempt. */
static bool may_be_absent(const struct judge_held *held, int64_t start_ms, int64_t now_ms)
{
    if (held->attempting)
        return true;
    return !held->polled_once && now_ms - held->known_ms < start_ms;
}

/* Closed by the bridge itself, without a reason: half of an attempt that is under way. */
static bool is_attempts_own_close(const struct judge_held *held, const struct judge_said *said)
{
    return held->attempting && said->source == JUDGE_WEBHOOK && said->state == SESSION_DISCONNECTED &&
           (!said->cause || said->cause->code == 0) && !said->final;
}

static bool is_believed(const struct judge_held *held, const struct judge_said *said, int64_t start_ms,
                        int64_t now_ms)
{
    if (said->source == JUDGE_POLL && said->missing && may_be_absent(held, start_ms, now_ms))
        return false;
    return !is_attempts_own_close(held, said) && !is_overtaken(held, said);
}

static enum session_state state_of_cause(const struct cause *c)
{
    int state = session_state_find(str_from(c->state));

    return state < 0 ? SESSION_DISCONNECTED : (enum session_state)state;
}

/* The bridge gives up on showing a code that nobody scanned: still a person's turn, not ours. */
static bool is_expired_code(const struct judge_held *held, const struct cause *c)
{
    return held->state == SESSION_QR_PENDING && !held->paired && (c->code == 0 || c->code == 408);
}

static void set(struct judge_verdict *v, enum session_state state, const struct cause *cause)
{
    v->state = state;
    v->cause = cause;
}

static void hear_disconnected(const struct judge_held *held, const struct judge_said *said,
                              struct judge_verdict *v)
{
    const struct cause *c = said->cause ? said->cause : cause_find(0);

    if (said->final && c->plan != PLAN_NEVER)
        c = cause_named("logged-out");
    if (is_expired_code(held, c))
        set(v, SESSION_QR_PENDING, c);
    else
        set(v, state_of_cause(c), c);
}

static void see_disconnected(const struct judge_held *held, const struct judge_said *said,
                             struct judge_verdict *v)
{
    bool refined = held->state == SESSION_DISCONNECTED || held->state == SESSION_LOGGED_OUT ||
                   held->state == SESSION_FAILED || (held->state == SESSION_QR_PENDING && held->cause);

    if (said->final && held->state != SESSION_LOGGED_OUT && held->state != SESSION_FAILED)
        set(v, SESSION_LOGGED_OUT, cause_named("logged-out"));
    else if (!refined)
        set(v, SESSION_DISCONNECTED, cause_named("poll"));
}

static void see_starting(const struct judge_held *held, int64_t start_ms, int64_t now_ms,
                         struct judge_verdict *v)
{
    v->starting_ms = held->starting_ms > 0 ? held->starting_ms : now_ms;
    if (now_ms - later(v->starting_ms, held->attempt_ms) > start_ms)
        set(v, SESSION_DISCONNECTED, cause_named("start-timeout"));
    else
        set(v, SESSION_STARTING, held->cause);
}

/* A bridge that knows by itself that a session is logged out or failed: keep a cause that says more. */
static void see_ended(const struct judge_held *held, enum session_state state, struct judge_verdict *v)
{
    if (held->cause && state_of_cause(held->cause) == state)
        set(v, state, held->cause);
    else
        set(v, state, cause_named(state == SESSION_LOGGED_OUT ? "logged-out" : "poll"));
}

static void read_word(const struct judge_held *held, const struct judge_said *said, int64_t start_ms,
                      int64_t now_ms, struct judge_verdict *v)
{
    v->starting_ms = 0;
    if (said->missing)
        return set(v, SESSION_LOST, cause_named("lost"));
    switch (said->state) {
    case SESSION_STARTING:
        return see_starting(held, start_ms, now_ms, v);
    case SESSION_DISCONNECTED:
        return said->source == JUDGE_WEBHOOK ? hear_disconnected(held, said, v)
                                             : see_disconnected(held, said, v);
    case SESSION_LOGGED_OUT:
    case SESSION_FAILED:
        return see_ended(held, said->state, v);
    case SESSION_QR_PENDING:
        return set(v, SESSION_QR_PENDING, held->state == SESSION_QR_PENDING ? held->cause : NULL);
    default:
        return set(v, said->state, NULL);
    }
}

void judge(const struct judge_held *held, const struct judge_said *said, int64_t start_ms, int64_t now_ms,
           struct judge_verdict *ret)
{
    *ret = (struct judge_verdict){ .state = held->state,
                                   .cause = held->cause,
                                   .starting_ms = held->starting_ms };
    if (!is_believed(held, said, start_ms, now_ms))
        return;
    if (is_before_poll(held, said) && !explains(held, said))
        return;
    ret->taken = true;
    read_word(held, said, start_ms, now_ms, ret);
    ret->changed = ret->state != held->state || ret->cause != held->cause;
    ret->drop = held->state == SESSION_CONNECTED && ret->state != SESSION_CONNECTED;
}
