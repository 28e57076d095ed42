/* Values in, problems out. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/domain/next_step.h"
#include "common/io/bus_url.h"
#include "common/ops/status.h"
#include "common/ops/status_alerts.h"

const char *problem_area_text(enum problem_area a)
{
    static const char *const texts[] = {
#define X(name, text) [PROBLEM_AREA_##name] = (text),
        PROBLEM_AREAS(X)
#undef X
    };

    return (size_t)a < ARRAY_LEN(texts) ? texts[a] : "";
}

/* One that no list has room for: its parts are written here and forgotten. */
static struct problem *place_for(struct problems *p)
{
    static struct problem nowhere;

    return p->n < PROBLEMS_MAX ? &p->item[p->n++] : &nowhere;
}

static struct problem *add(struct problems *p, enum problem_level level, enum problem_area area,
                           const char *key, const struct bridge_row *bridge, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));

static struct problem *add(struct problems *p, enum problem_level level, enum problem_area area,
                           const char *key, const struct bridge_row *bridge, const char *fmt, ...)
{
    struct problem *item = place_for(p);
    va_list ap;

    *item = (struct problem){ .level = level, .area = area, .key = key };
    str_copy(str_from(bridge ? bridge->name : ""), item->bridge, sizeof item->bridge);
    va_start(ap, fmt);
    (void)vsnprintf(item->text, sizeof item->text, fmt, ap);
    va_end(ap);
    return item;
}

/* The parts that most of them have. */
static void set_detail(struct problem *p, int64_t since, const char *detail)
{
    p->since = since;
    str_copy(str_from(detail), p->detail, sizeof p->detail);
}

int status_gravity(enum session_state state)
{
    static const int gravity[SESSION_STATE_N] = {
        [SESSION_LOST] = 1,
        [SESSION_FAILED] = 2,
        [SESSION_LOGGED_OUT] = 3,
        [SESSION_DISCONNECTED] = 4,
    };

    return (size_t)state < ARRAY_LEN(gravity) ? gravity[state] : 0;
}

static const char *for_how_long(const struct bridge_summary *b, int64_t since, char *ret, size_t n)
{
    int64_t ms = since > 0 && b->now.wall_ms > since ? b->now.wall_ms - since : 0;

    return text_age(ms, ret, n);
}

static void add_bridge(const struct bridge_summary *b, struct problems *p)
{
    const struct bridge_row *row = &b->row;
    char ago[32];

    if (row->health == BRIDGE_HEALTH_DOWN)
        set_detail(add(p, PROBLEM_BAD, PROBLEM_AREA_BRIDGE, "bridge-down", row,
                       "bridge %s is down for %s%s%s", row->name,
                       for_how_long(b, row->health_since, ago, sizeof ago), row->health_detail[0] ? ": " : "",
                       row->health_detail),
                   row->health_since, row->health_detail);
    else if (row->incident_since > 0) /* of a bridge that is down it says nothing new */
        set_detail(add(p, PROBLEM_BAD, PROBLEM_AREA_BRIDGE, "bridge-incident", row,
                       "bridge %s has an incident for %s: %s", row->name,
                       for_how_long(b, row->incident_since, ago, sizeof ago), row->incident_detail),
                   row->incident_since, row->incident_detail);
    if (row->outdated_since > 0)
        add(p, PROBLEM_BAD, PROBLEM_AREA_BRIDGE, "bridge-outdated", row,
            "WhatsApp refuses the client version of bridge %s (405); update the bridge, then unpark a "
            "session",
            row->name);
}

static void add_services(const struct bridge_summary *b, struct problems *p)
{
    const struct bridge_row *row = &b->row;
    char ago[32];

    if (b->monitor_dead)
        set_detail(
            add(p, PROBLEM_BAD, PROBLEM_AREA_MONITOR, "monitor-dead", row,
                "the monitor is dead; all below is as it was %s ago, and nothing new is noticed: start "
                "zapkeep-monitor",
                text_age(b->monitor_age_ms, ago, sizeof ago)),
            b->now.wall_ms - b->monitor_age_ms, "");
    else if (row->swept_wall == 0 && row->health != BRIDGE_HEALTH_DOWN)
        add(p, PROBLEM_BAD, PROBLEM_AREA_MONITOR, "monitor-no-scan", row,
            "the monitor has not seen the sessions of bridge %s yet", row->name);
    else if (row->swept_wall > 0 && b->now.steady_ms > row->fresh_until)
        set_detail(add(p, PROBLEM_BAD, PROBLEM_AREA_MONITOR, "monitor-stale", row,
                       "the monitor saw the sessions of bridge %s last %s ago; all below is that old, and "
                       "nothing is "
                       "attempted; "
                       "is zapkeep-monitor running?",
                       row->name, for_how_long(b, row->swept_wall, ago, sizeof ago)),
                   row->swept_wall, "");
    if (row->interval_ms == 0)
        add(p, PROBLEM_BAD, PROBLEM_AREA_WORKERS, "workers-never", row,
            "no reconnect-worker has ever started for bridge %s; is zapkeep-reconnect running?", row->name);
}

/* Only while a session waits for an attempt; a bridge that is down, or stale, has been named. */
static void add_attempts(const struct bridge_summary *b, struct problems *p)
{
    enum why why = b->verdict.why;

    if (b->row.breaker.state == BREAKER_OPEN)
        add(p, PROBLEM_BAD, PROBLEM_AREA_ATTEMPTS, "breaker-open", &b->row,
            "the breaker of bridge %s is open: it failed too many reconnect calls", b->row.name);
    if (why_is_of_method(why) && b->queue.phase[RETRY_DUE] > 0)
        set_detail(add(p, PROBLEM_BAD, PROBLEM_AREA_ATTEMPTS, "no-reconnect-method", &b->row,
                       "no attempt on bridge %s: %s", b->row.name, b->row.no_reconnect_method),
                   0, b->row.no_reconnect_method);
}

static void add_sessions(const struct bridge_summary *b, struct problems *p)
{
    int64_t all = 0;
    int shown = b->n_down < STATUS_DOWN_MAX ? (int)b->n_down : STATUS_DOWN_MAX;
    char names[200] = "";
    struct problem *down;

    if (b->n_down == 0)
        return;
    for (int i = 0; i < SESSION_STATE_N; i++)
        all += b->sessions[i];
    for (int i = 0; i < shown && strlen(names) < 120; i++)
        (void)snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s (%s)", i ? ", " : "",
                       b->down[i].id, b->down[i].parked ? "parked" : session_state_text(b->down[i].state));
    down = add(p, PROBLEM_BAD, PROBLEM_AREA_SESSIONS, "sessions-down", &b->row,
               "%lld of %lld sessions of bridge %s %s down: %s", (long long)b->n_down, (long long)all,
               b->row.name, b->n_down == 1 ? "is" : "are", names);
    down->n = b->n_down;
    down->all = all;
    str_copy(str_from(names), down->names, sizeof down->names);
}

static void add_unwatched(const struct bridge_summary *b, struct problems *p)
{
    int64_t all = 0;

    for (int i = 0; i < SESSION_STATE_N; i++)
        all += b->sessions[i];
    add(p, PROBLEM_WARN, PROBLEM_AREA_BRIDGE, "bridge-unwatched", &b->row,
        "bridge %s is not configured any more: nothing is done for its %lld sessions, and their states are "
        "as they were",
        b->row.name, (long long)all);
}

void status_problems(const struct bridge_summary *b, struct problems *ret)
{
    if (b->row.unwatched_since > 0) {
        add_unwatched(b, ret);
        return;
    }
    add_bridge(b, ret);
    add_services(b, ret);
    add_attempts(b, ret);
    add_sessions(b, ret);
    status_add_alerts(b, ret);
}

struct problem *status_add_problem(struct problems *p, enum problem_level level, enum problem_area area,
                                   const char *key, const char *text)
{
    return add(p, level, area, key, NULL, "%s", text);
}

void status_bus_problems(const struct app_settings *app, struct problems *ret)
{
    const char *const urls[][2] = { { "ZAPKEEP_BUS_IN", app->bus_in },
                                    { "ZAPKEEP_BUS_OUT", app->bus_out },
                                    { "ZAPKEEP_BUS_FEED", app->bus_feed } };

    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        if (*urls[i][1] && bus_url_reach(urls[i][1]) == BUS_REACH_NETWORK)
            str_copy(str_from(urls[i][0]),
                     add(ret, PROBLEM_WARN, PROBLEM_AREA_BUS, "bus-network", NULL,
                         "%s is %s: everybody who reaches it reads and writes all messages; use tls+tcp://",
                         urls[i][0], urls[i][1])
                         ->name,
                     64);
    }
}

static int compare(const void *a, const void *b)
{
    const struct problem *x = a, *y = b;

    if (x->level != y->level)
        return x->level < y->level ? 1 : -1;
    return x->area != y->area ? (x->area < y->area ? -1 : 1) : strcmp(x->text, y->text);
}

void status_sort(struct problems *p)
{
    qsort(p->item, (size_t)p->n, sizeof p->item[0], compare);
}
