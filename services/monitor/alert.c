#include "services/monitor/alert.h"

#include <string.h>

#include "common/base/mem.h"

struct kind {
    const char *text, *severity, *words, *more;
};

/* clang-format off */
#define X(name, text, severity, words, more) { text, severity, words, more },
static const struct kind kinds[ALERT_KIND_N] = { { "", "", "", "" }, ALERT_KINDS(X) };
#undef X
/* clang-format on */

const char *alert_kind_text(enum alert_kind k)
{
    return kinds[k].text;
}

enum alert_kind alert_kind_find(const char *text)
{
    for (size_t k = ALERT_NONE + 1; k < ARRAY_LEN(kinds); k++)
        if (strcmp(kinds[k].text, text) == 0)
            return (enum alert_kind)k;
    return ALERT_NONE;
}

const char *alert_severity(enum alert_kind k)
{
    return kinds[k].severity;
}

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
        return f->told; /* on its way to somewhere: nothing is news before it arrives */
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
        (void)buf_addf(out, "is no longer %s", kinds[k].words);
    else
        (void)buf_addf(out, "is %s: %s", kinds[k].words, kinds[k].more);
    if (firing && why && why[0])
        (void)buf_addf(out, " (%s)", why);
}

void alert_crowd_sentence(enum alert_kind k, const char *bridge, int64_t n, struct buf *out)
{
    (void)buf_addf(out, "%lld sessions on bridge %s are %s", (long long)n, bridge, kinds[k].words);
}
