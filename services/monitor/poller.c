#include "services/monitor/poller.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/app/bridge_settings.h"
#include "common/base/mem.h"
#include "common/bridge/detect.h"
#include "services/monitor/driver_detect.h"

/* Where sessions are asked for one by one, the next ones are started this often. */
#define PACE_MS 50
/* Of the calls at once, a sweep leaves some to questions about single sessions: somebody waits for those. */
#define SWEEP_SHARE(n) ((n) - (n) / 8)

struct poller {
    struct app *app;
    const struct rules *rules;
    const struct times *times;
    const struct bridge_target *target;
    const struct bridge_driver *fixed, *driver;
    struct poller_owner owner;
    void *ctx;
    struct http_client *client;
    struct timer *pace;

    bool on, closing;
    bool checking; /* a health check is out, beside any sweep */
    bool no_list;  /* this bridge has no list call after all */
    int n;
    int64_t spread_ms, began_ms, asked_ms;
    /* one by one */
    bool all_asked, fault, refused;
    int in_flight, asked_n, extra;
    struct driver_detect *detect;
};

/* Whose call it is, for the answers that need to know. */
struct one {
    struct poller *s;
    char id[SESSION_ID_MAX];
    int64_t asked_ms;
    bool extra;                 /* beside a sweep */
    struct bridge_session seen; /* its status said connected; whether it is alive is being asked */
};

/* ---- calling --------------------------------------------------------------------------------- */

static void report(struct poller *s, const struct http_answer *a, int kind)
{
    struct bridge_call c = bridge_call_result(a, kind);

    s->owner.on_call(s->ctx, &c);
}

static void end(struct poller *s, enum sweep_end how, bool by_list)
{
    timer_stop(s->pace);
    s->on = false;
    s->owner.on_end(s->ctx, how, by_list);
}

static enum sweep_end end_of(int kind)
{
    if (kind == 0)
        return SWEEP_GOOD;
    return kind == BRIDGE_UNAUTHORIZED ? SWEEP_REFUSED : SWEEP_FAULT;
}

/* A call that could not even be made counts as one that failed. */
static void fail(struct poller *s)
{
    const struct http_answer none = { .error = HTTP_E_URL };

    report(s, &none, BRIDGE_NO_ANSWER);
    end(s, SWEEP_FAULT, false);
}

/* ---- one by one ------------------------------------------------------------------------------ */

static void pump(struct poller *s);

static void answered(struct one *one, const struct http_answer *a, int kind)
{
    struct poller *s = one->s;

    report(s, a, kind);
    s->owner.on_status(s->ctx, one->id, kind, &one->seen, one->asked_ms);
    if (one->extra) {
        s->extra--;
        return;
    }
    s->in_flight--;
    s->fault = s->fault || kind < 0 || bridge_answer_is_transport(kind) || kind == BRIDGE_NO_ROUTE;
    s->refused = s->refused || kind == BRIDGE_UNAUTHORIZED;
    pump(s);
}

/* Nobody wants the answer any more, or nobody knows how to read it: the driver was forgotten since, and only questions
 * beside a sweep can be under way then. */
static bool is_forgotten(struct poller *s)
{
    if (!s->closing && !s->driver)
        s->extra--;
    return s->closing || !s->driver;
}

static void on_live(void *ctx, const struct http_answer *a)
{
    CLEANUP(mem_freep) struct one *one = ctx;
    struct poller *s = one->s;
    struct bridge_answer answer = bridge_call_answer(a);

    if (!is_forgotten(s))
        answered(one, a, s->driver->read_live ? s->driver->read_live(&answer, &one->seen) : BRIDGE_NO_ROUTE);
}

/* A session that is called connected is asked whether it is alive, where the status alone does not show it. */
static bool ask_live(struct one *one)
{
    struct bridge_request req = BRIDGE_REQUEST_NULL;
    struct poller *s = one->s;

    return s->driver->read_live && one->seen.state == SESSION_CONNECTED &&
           bridge_call_send(s->client,
                            bridge_build_path(s->driver, &s->driver->live, s->target, one->id, NULL, &req),
                            &req, HTTP_CALL_TIMEOUT_MS, on_live, one) == 0;
}

static void on_status(void *ctx, const struct http_answer *a)
{
    CLEANUP(mem_freep) struct one *one = ctx;
    struct poller *s = one->s;
    struct bridge_answer answer = bridge_call_answer(a);
    int kind;

    if (is_forgotten(s))
        return;
    kind = bridge_read_status(s->driver, &answer, one->id, &one->seen);
    if (kind == 0 && ask_live(one))
        one = NULL; /* on_live() has it now */
    else
        answered(one, a, kind);
}

static int ask_status(struct poller *s, const char *id, bool extra)
{
    struct bridge_request req = BRIDGE_REQUEST_NULL;
    struct one *one = mem_zalloc(sizeof *one);
    int r;

    if (!one)
        return -ENOMEM;
    *one = (struct one){ .s = s, .asked_ms = times_steady(s->times), .extra = extra };
    (void)snprintf(one->id, sizeof one->id, "%s", id);
    r = bridge_call_send(s->client, bridge_build(s->driver, BRIDGE_STATUS, s->target, id, &req), &req,
                         HTTP_CALL_TIMEOUT_MS, on_status, one);
    if (r != 0)
        mem_free(one);
    return r;
}

/* How many may have been asked for by now. */
static int64_t quota(const struct poller *s)
{
    int64_t passed_ms = times_steady(s->times) - s->began_ms;

    if (s->spread_ms <= 0 || passed_ms >= s->spread_ms)
        return INT64_MAX;
    return 1 + s->n * passed_ms / s->spread_ms;
}

static bool has_slot(const struct poller *s)
{
    return s->in_flight < SWEEP_SHARE(s->rules->in_flight) && s->in_flight + s->extra < s->rules->in_flight;
}

/* Starts the calls that may be started, ends the sweep when nothing is left. */
static void pump(struct poller *s)
{
    int64_t may = quota(s);

    while (s->on && !s->all_asked && has_slot(s) && s->asked_n < may) {
        const char *id = s->owner.next(s->ctx);

        s->all_asked = id == NULL;
        if (!id)
            break;
        s->asked_n++;
        if (ask_status(s, id, false) == 0)
            s->in_flight++;
        else
            s->fault = true;
    }
    if (s->all_asked && s->in_flight == 0)
        end(s, s->refused ? SWEEP_REFUSED : s->fault ? SWEEP_FAULT : SWEEP_GOOD, false);
}

static void on_pace(void *ctx)
{
    struct poller *s = ctx;

    timer_start(s->pace, PACE_MS);
    pump(s);
}

static void ask_one_by_one(struct poller *s)
{
    s->all_asked = s->fault = s->refused = false;
    s->in_flight = s->asked_n = 0;
    s->began_ms = times_steady(s->times);
    timer_start(s->pace, 0);
}

bool poller_ask(struct poller *s, const char *id)
{
    if (!s->driver || !s->driver->has_status || s->in_flight + s->extra >= s->rules->in_flight ||
        ask_status(s, id, true) != 0)
        return false;
    s->extra++;
    return true;
}

/* ---- the list -------------------------------------------------------------------------------- */

static void take_list(struct poller *s, const struct http_answer *a)
{
    struct bridge_answer answer = bridge_call_answer(a);
    int kind = s->owner.on_list(s->ctx, s->driver, &answer, s->asked_ms);

    if ((kind == BRIDGE_NO_ROUTE || kind == BRIDGE_PAGED) && s->driver->has_status) {
        s->no_list = true;
        ask_one_by_one(s);
        return;
    }
    report(s, a, kind);
    end(s, end_of(kind), true);
}

static void on_list(void *ctx, const struct http_answer *a)
{
    struct poller *s = ctx;

    if (!s->closing)
        take_list(s, a);
}

/* Names without states: sessions that were not known become known; then each is asked for, even if the list failed. */
static void on_names(void *ctx, const struct http_answer *a)
{
    struct poller *s = ctx;
    struct bridge_answer answer = bridge_call_answer(a);

    if (s->closing)
        return;
    if (s->driver)
        (void)s->owner.on_list(s->ctx, s->driver, &answer, s->asked_ms);
    ask_one_by_one(s);
}

static bool has_whole_list(const struct poller *s)
{
    return s->driver->has_list && !s->no_list;
}

static void ask_sessions(struct poller *s)
{
    struct bridge_request req = BRIDGE_REQUEST_NULL;

    s->asked_ms = times_steady(s->times);
    if (!has_whole_list(s)) {
        if (!s->driver->lists_names ||
            bridge_call_send(s->client, bridge_build(s->driver, BRIDGE_LIST, s->target, NULL, &req), &req,
                             HTTP_CALL_TIMEOUT_MS, on_names, s) != 0)
            ask_one_by_one(s);
        return;
    }
    if (bridge_call_send(s->client, bridge_build(s->driver, BRIDGE_LIST, s->target, NULL, &req), &req,
                         HTTP_CALL_TIMEOUT_MS, on_list, s) != 0)
        fail(s);
}

/* ---- which driver? --------------------------------------------------------------------------- */

static void on_detected(void *ctx, int answer, const struct bridge_driver *driver,
                        const struct http_answer *a)
{
    struct poller *s = ctx;

    if (!a) {
        fail(s);
        return;
    }
    switch (answer) {
    case 0:
        report(s, a, 0);
        s->driver = driver;
        s->no_list = false;
        s->owner.on_driver(s->ctx, driver);
        ask_sessions(s);
        break;
    case DETECT_UNAUTHORIZED:
        report(s, a, BRIDGE_UNAUTHORIZED);
        end(s, SWEEP_REFUSED, false);
        break;
    case DETECT_UNKNOWN:
        report(s, a, 0);
        end(s, SWEEP_UNKNOWN_BRIDGE, false);
        break;
    default:
        report(s, a, a->status ? BRIDGE_BROKEN : BRIDGE_NO_ANSWER);
        end(s, SWEEP_FAULT, false);
    }
}

/* ---- health ---------------------------------------------------------------------------------- */

static int build_health(const struct poller *s, struct bridge_request *ret)
{
    return s->driver ? bridge_build(s->driver, BRIDGE_HEALTH, s->target, NULL, ret)
                     : detect_build_health(s->target, ret);
}

static int read_health(const struct poller *s, const struct bridge_answer *a)
{
    return s->driver ? bridge_read_health(s->driver, a) : detect_read_health(a);
}

/* A bridge that refuses our key, or asks for a pause, is there. */
static bool is_alive(const struct bridge_call *c)
{
    return c->kind == 0 || c->kind == BRIDGE_UNAUTHORIZED || c->kind == BRIDGE_THROTTLED;
}

static void after_health(struct poller *s, const struct bridge_call *c)
{
    if (c->kind != 0)
        end(s,
            c->kind == BRIDGE_UNAUTHORIZED ? SWEEP_REFUSED
            : is_alive(c)                  ? SWEEP_FAULT
                                           : SWEEP_UNHEALTHY,
            false);
    else if (s->driver)
        ask_sessions(s);
    else
        driver_detect_start(s->detect);
}

static void on_health(void *ctx, const struct http_answer *a)
{
    struct poller *s = ctx;
    struct bridge_answer answer = bridge_call_answer(a);
    struct bridge_call c;

    if (s->closing)
        return;
    c = bridge_call_result(a, read_health(s, &answer));
    s->owner.on_health(s->ctx, is_alive(&c), &c);
    after_health(s, &c);
}

static void on_check(void *ctx, const struct http_answer *a)
{
    struct poller *s = ctx;
    struct bridge_answer answer = bridge_call_answer(a);
    struct bridge_call c;

    s->checking = false;
    if (s->closing)
        return;
    c = bridge_call_result(a, read_health(s, &answer));
    s->owner.on_health(s->ctx, is_alive(&c), &c);
}

void poller_check(struct poller *s)
{
    struct bridge_request req = BRIDGE_REQUEST_NULL;

    if (!s->checking && !(s->driver && s->driver->webhooks_only))
        s->checking = bridge_call_send(s->client, build_health(s, &req), &req, s->rules->health_timeout_ms,
                                       on_check, s) == 0;
}

bool poller_start(struct poller *s, int n, int64_t spread_ms)
{
    struct bridge_request req = BRIDGE_REQUEST_NULL;

    if (s->on)
        return false;
    s->on = true;
    s->n = n;
    s->spread_ms = spread_ms;
    if (s->driver && s->driver->webhooks_only) { /* there is nothing to ask */
        const struct bridge_call none = { 0 };

        s->owner.on_health(s->ctx, true, &none);
        end(s, SWEEP_GOOD, false);
        return true;
    }
    if (bridge_call_send(s->client, build_health(s, &req), &req, s->rules->health_timeout_ms, on_health, s) !=
        0)
        fail(s);
    return true;
}

bool poller_is_sweeping(const struct poller *s)
{
    return s->on;
}

const struct bridge_driver *poller_driver(const struct poller *s)
{
    return s->driver;
}

void poller_forget_driver(struct poller *s)
{
    s->no_list = false;
    s->driver = s->fixed;
}

/* ---- opening --------------------------------------------------------------------------------- */

int poller_open(struct app *app, const struct rules *rules, const struct times *times,
                const struct bridge_target *target, const struct bridge_driver *fixed,
                const struct poller_owner *owner, void *ctx, struct poller **ret)
{
    struct poller *s = mem_zalloc(sizeof *s);
    int r;

    if (!s)
        return -ENOMEM;
    *s = (struct poller){ .app = app,
                          .rules = rules,
                          .times = times,
                          .target = target,
                          .fixed = fixed,
                          .driver = fixed,
                          .owner = *owner,
                          .ctx = ctx };
    r = http_client_open(app_loop(app), (int)rules->in_flight + 2, &s->client); /* and two of the health */
    if (r == 0)
        bridge_target_prepare(target, s->client);
    if (r == 0)
        r = timer_open(app_loop(app), on_pace, s, &s->pace);
    if (r == 0)
        r = driver_detect_open(&(const struct driver_detect_options){ s->client, target, on_detected, s },
                               &s->detect);
    if (r != 0) {
        poller_close(s);
        return r;
    }
    *ret = s;
    return 0;
}

void poller_close(struct poller *s)
{
    if (!s)
        return;
    s->closing = true;
    if (s->detect)
        driver_detect_cancel(s->detect);
    http_client_close(s->client); /* calls in flight are cancelled, and call back now */
    driver_detect_close(s->detect);
    timer_close(s->pace);
    mem_free(s);
}
