#include "common/sink/sink_policy.h"

#include <string.h>
#include <time.h>

#define RETRY_MIN_MS 1000
/* An hour's outage of a sink costs a dozen calls, and at most five minutes after its end. */
#define RETRY_MAX_MS (5 * 60 * 1000)

static enum alert_level level_of(enum alert_kind kind)
{
    return strcmp(alert_severity(kind), "critical") == 0 ? ALERT_LEVEL_CRITICAL : ALERT_LEVEL_WARNING;
}

static bool is_in(const struct event_filter_list *list, const char *text)
{
    for (int i = 0; i < list->n; i++) {
        if (str_eq(list->item[i], text))
            return true;
    }
    return list->n == 0;
}

bool sink_wants(const struct sink_config *c, enum alert_kind kind, const char *bridge, const char *session)
{
    /* An alert of many sessions, of the bridge or of a destination concerns each of them. */
    bool of_session = alert_kind_scope(kind) == ALERT_OF_SESSION && session[0];

    return level_of(kind) >= c->level && is_in(&c->alerts, alert_kind_text(kind)) &&
           (!bridge[0] || is_in(&c->bridges, bridge)) && (!of_session || is_in(&c->sessions, session));
}

int sink_minute_of_day(int64_t wall_ms)
{
    time_t now = (time_t)(wall_ms / 1000);
    struct tm t = { 0 };

    (void)localtime_r(&now, &t);
    return t.tm_hour * 60 + t.tm_min;
}

bool sink_is_quiet(const struct sink_config *c, int minute)
{
    if (c->quiet_from == c->quiet_to)
        return false;
    if (c->quiet_from < c->quiet_to)
        return minute >= c->quiet_from && minute < c->quiet_to;
    return minute >= c->quiet_from || minute < c->quiet_to; /* over midnight */
}

bool sink_holds_back(const struct sink_config *c, enum alert_kind kind, int minute)
{
    return sink_is_quiet(c, minute) && (c->quiet_all || level_of(kind) < ALERT_LEVEL_CRITICAL);
}

bool sink_repeats(const struct sink_config *c, int64_t since, int64_t before, int64_t now)
{
    if (c->repeat_ms == 0 || now <= before || now - since < c->repeat_ms)
        return false;
    return before < since || (now - since) / c->repeat_ms > (before - since) / c->repeat_ms;
}

int64_t sink_retry_ms(int tries)
{
    int64_t ms = RETRY_MIN_MS;

    for (int n = 1; n < tries && ms < RETRY_MAX_MS; n++)
        ms *= 2;
    return ms < RETRY_MAX_MS ? ms : RETRY_MAX_MS;
}
