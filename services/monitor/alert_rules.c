#include "services/monitor/alert_rules.h"

bool alert_is_bridges(const struct alert_facts *f)
{
    return f->bridge_outdated && f->cause && f->cause->scope == SCOPE_BRIDGE &&
           (f->parked || f->state == SESSION_FAILED);
}

static bool is_down(enum session_state s)
{
    return s == SESSION_DISCONNECTED || s == SESSION_STARTING;
}

int64_t alert_down_latest_ms(const struct rules *rules)
{
    return rules->down_alert_ms + rules->alert_hold_ms;
}

static bool is_down_for_long(const struct rules *rules, const struct alert_facts *f)
{
    return is_down(f->state) &&
           f->down_ms >= (f->attempting ? alert_down_latest_ms(rules) : rules->down_alert_ms);
}

/* By the present state, the gravest first. */
static enum alert_kind kind_of(const struct rules *rules, const struct alert_facts *f)
{
    if (f->state == SESSION_LOST)
        return f->cause == cause_by_name("removed") ? ALERT_NONE : ALERT_SESSION_LOST;
    if (alert_is_bridges(f))
        return ALERT_NONE;
    if (f->state == SESSION_LOGGED_OUT)
        return ALERT_SESSION_LOGGED_OUT;
    if (f->state == SESSION_QR_PENDING)
        return ALERT_SESSION_NEEDS_QR;
    if (f->state == SESSION_ACTION_REQUIRED)
        return ALERT_SESSION_ACTION_REQUIRED;
    if (f->state == SESSION_FAILED)
        return ALERT_SESSION_BANNED;
    if (f->parked && f->state != SESSION_CONNECTED && f->state != SESSION_STARTING)
        return ALERT_SESSION_PARKED;
    if (f->flapping)
        return ALERT_SESSION_FLAPPING;
    if (is_down_for_long(rules, f))
        return ALERT_SESSION_DOWN;
    return f->state == SESSION_CONNECTED && f->silent ? ALERT_SESSION_SILENT : ALERT_NONE;
}

/* How long the state must have lasted. Pairing a new session pages nobody: an operator is doing it, and it is an alert
 * only when it is left like that. */
static int64_t hold_ms(const struct rules *rules, const struct alert_facts *f, enum alert_kind k)
{
    if (k == ALERT_SESSION_NEEDS_QR && !f->paired)
        return rules->down_alert_ms;
    return k == ALERT_SESSION_LOST || k == ALERT_SESSION_LOGGED_OUT || k == ALERT_SESSION_NEEDS_QR ||
                   k == ALERT_SESSION_BANNED || k == ALERT_SESSION_PARKED ||
                   k == ALERT_SESSION_ACTION_REQUIRED
               ? rules->alert_hold_ms
               : 0;
}

enum alert_kind alert_of_session(const struct rules *rules, const struct alert_facts *f)
{
    enum alert_kind k = kind_of(rules, f);

    if (k == f->current)
        return k;
    if (k == ALERT_NONE) /* on its way to somewhere: nothing is over before it arrives */
        return f->state == SESSION_STARTING || f->state == SESSION_UNKNOWN ? f->current : ALERT_NONE;
    if (f->state_ms >= hold_ms(rules, f, k) && f->raised_ago_ms >= rules->alert_repeat_ms)
        return k;
    return f->state == SESSION_CONNECTED ? ALERT_NONE : f->current;
}

bool alert_of_bridge(const struct alert_bridge_facts *f, enum alert_kind k, bool current)
{
    switch (k) {
    case ALERT_BRIDGE_DOWN:
        return f->down;
    case ALERT_BRIDGE_KEY_REFUSED:
        return f->key_refused && !f->down;
    case ALERT_BRIDGE_INCIDENT:
        return f->incident && !f->down && !f->key_refused;
    case ALERT_BRIDGE_OUTDATED:
        return f->outdated ? f->outdated > 0 : current;
    case ALERT_BRIDGE_UNKNOWN_WORD:
        return f->unknown_word;
    case ALERT_BRIDGE_TWO_OWNERS:
        return f->two_owners;
    case ALERT_WEBHOOKS_DRIFTED:
        return f->drifted;
    case ALERT_BRIDGE_TWO_STACKS:
        return f->rival;
    case ALERT_BRIDGE_CHANGED:
        return f->changed ? f->changed > 0 : current;
    case ALERT_INGEST_DEAD:
    case ALERT_WORKERS_DEAD:
    case ALERT_FORWARDER_DEAD:
    case ALERT_HUB_DEAD:
        return f->dead[k];
    default:
        return current;
    }
}

void alert_sentence(enum alert_kind k, bool firing, const char *bridge, const char *session, const char *why,
                    struct buf *out)
{
    if (session[0])
        (void)buf_addf(out, "session %s on bridge %s ", session, bridge);
    else
        (void)buf_addf(out, "bridge %s ", bridge);
    if (!firing)
        (void)buf_addf(out, "is no longer %s", alert_kind_state(k));
    else
        (void)buf_addf(out, "is %s: %s", alert_kind_state(k), alert_kind_detail(k));
    if (firing && why && why[0])
        (void)buf_addf(out, " (%s)", why);
}

void alert_end_sentence(enum alert_kind k, enum alert_kind next, bool parked, const struct cause *cause,
                        const char *bridge, const char *session, struct buf *out)
{
    if (k == ALERT_SESSION_PARKED && next == ALERT_NONE && parked)
        (void)buf_addf(out, "session %s on bridge %s is up again, and stays parked", session, bridge);
    else if (k == ALERT_SESSION_LOST && cause == cause_by_name("removed"))
        (void)buf_addf(
            out, "session %s on bridge %s was removed at the bridge: `zapkeep session delete` forgets it",
            session, bridge);
    else
        alert_sentence(k, false, bridge, session, NULL, out);
    if (next != ALERT_NONE)
        (void)buf_addf(out, ": it is %s", alert_kind_state(next));
}

void alert_group_sentence(enum alert_kind k, const char *bridge, int64_t n, struct buf *out)
{
    (void)buf_addf(out, "%lld sessions on bridge %s are %s", (long long)n, bridge, alert_kind_state(k));
}
