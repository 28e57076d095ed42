#include "services/monitor/alert_rules.h"

bool alert_is_bridges(const struct alert_facts *f)
{
    return f->cause && f->cause->scope == SCOPE_BRIDGE && (f->parked || f->state == SESSION_FAILED);
}

static enum alert_kind of_live(const struct alert_facts *f)
{
    if (f->flapping)
        return ALERT_SESSION_FLAPPING;
    return f->state == SESSION_CONNECTED && f->silent ? ALERT_SESSION_SILENT : ALERT_NONE;
}

enum alert_kind alert_of_session(const struct alert_facts *f)
{
    if (f->state == SESSION_LOST)
        return ALERT_SESSION_LOST;
    if (f->state == SESSION_STARTING)
        return f->current; /* on its way to somewhere: nothing is news before it arrives */
    if (alert_is_bridges(f))
        return ALERT_NONE;
    if (f->state == SESSION_LOGGED_OUT)
        return ALERT_SESSION_LOGGED_OUT;
    if (f->state == SESSION_QR_PENDING)
        return ALERT_SESSION_NEEDS_QR;
    if (f->state == SESSION_FAILED)
        return ALERT_SESSION_BANNED;
    return f->parked ? ALERT_SESSION_PARKED : of_live(f);
}

enum alert_kind alert_of_bridge(const struct alert_bridge_facts *f)
{
    if (f->down)
        return ALERT_BRIDGE_DOWN;
    if (f->key_refused)
        return ALERT_BRIDGE_KEY_REFUSED;
    return f->incident ? ALERT_BRIDGE_INCIDENT : ALERT_NONE;
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

void alert_group_sentence(enum alert_kind k, const char *bridge, int64_t n, struct buf *out)
{
    (void)buf_addf(out, "%lld sessions on bridge %s are %s", (long long)n, bridge, alert_kind_state(k));
}
