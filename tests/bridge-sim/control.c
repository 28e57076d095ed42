/*
 * The control port: tests and demonstrations steer the simulated bridge. Every order is a POST whose
 * arguments are in the query; questions are GETs (report.c). GET / lists all of them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "tests/bridge-sim/control.h"
#include "tests/bridge-sim/dialect.h"

/* ---- arguments ------------------------------------------------------------------------------- */

/* The value of key in "a=1&b=2", or the default. Values are ids, numbers and paths: nothing is escaped. */
static const char *arg(struct http_req *r, const char *key, const char *def, char *ret, size_t n)
{
    struct str q = http_req_query(r);
    const char *p = q.p ? q.p : "";
    size_t key_len = strlen(key);

    (void)snprintf(ret, n, "%s", def);
    while (*p) {
        size_t len = strcspn(p, "&");

        if (len > key_len && strncmp(p, key, key_len) == 0 && p[key_len] == '=')
            (void)snprintf(ret, n, "%.*s", (int)(len - key_len - 1), p + key_len + 1);
        p += len + (p[len] == '&');
    }
    return ret;
}

static int64_t arg_i64(struct http_req *r, const char *key, int64_t def)
{
    char text[32];
    int64_t v;

    return text_to_i64(arg(r, key, "", text, sizeof text), &v) == 0 ? v : def;
}

static void done(struct http_req *r)
{
    http_respond(r, 200, "application/json", STR_LIT("{\"status\":\"ok\"}\n"), NULL);
}

static void refused(struct http_req *r, const char *why)
{
    http_respond_error(r, 400, "bad_order", why, NULL);
}

/* The session of "session=ID", or NULL: it is answered. */
static struct sim_session *arg_session(struct sim *s, struct http_req *r)
{
    char id[65];
    struct sim_session *x = session_find(s, str_from(arg(r, "session", "", id, sizeof id)));

    if (!x)
        http_respond_error(r, 404, "not_found", "there is no such session", NULL);
    return x;
}

/* ---- sessions -------------------------------------------------------------------------------- */

static void add_sessions(struct sim *s, struct http_req *r)
{
    char prefix[40], id[65];
    int64_t n = arg_i64(r, "n", 1);
    bool connected = arg_i64(r, "connected", 1) != 0;
    struct sim_session *x;

    (void)arg(r, "prefix", "demo-", prefix, sizeof prefix);
    for (int64_t i = 1; i <= n; i++) {
        (void)snprintf(id, sizeof id, "%s%lld", prefix, (long long)i);
        if (session_adopt(s, id, &x) == 0 && connected)
            whatsapp_connect(s, x);
    }
    done(r);
}

/* So many of the connected sessions, chosen by chance. */
static void drop_some(struct sim *s, int64_t n, int code)
{
    int64_t left = 0;

    for (int i = 0; i < s->n_sessions; i++)
        left += s->sessions[i].status == SIM_CONNECTED;
    for (int i = 0; i < s->n_sessions && n > 0; i++) {
        if (s->sessions[i].status != SIM_CONNECTED)
            continue;
        if ((int64_t)rng_below(&s->rng, (uint64_t)left) < n) {
            whatsapp_drop(s, &s->sessions[i], code);
            n--;
        }
        left--;
    }
}

static void drop(struct sim *s, struct http_req *r)
{
    char id[65], share_text[16];
    int code = (int)arg_i64(r, "code", 428);
    double share = strtod(arg(r, "share", "0", share_text, sizeof share_text), NULL);
    int64_t connected = 0;
    struct sim_session *x;

    if (*arg(r, "session", "", id, sizeof id)) {
        x = arg_session(s, r);
        if (!x)
            return;
        if (arg_i64(r, "unpair", 0))
            x->paired = false;
        whatsapp_drop(s, x, code);
    } else {
        for (int i = 0; i < s->n_sessions; i++)
            connected += s->sessions[i].status == SIM_CONNECTED;
        drop_some(s, arg_i64(r, "n", (int64_t)(share * (double)connected + 1e-9)), code);
    }
    done(r);
}

static void pair(struct sim *s, struct http_req *r)
{
    struct sim_session *x = arg_session(s, r);

    if (!x)
        return;
    whatsapp_connect(s, x);
    done(r);
}

/* The next QR code of a session that shows one. */
static void new_qr(struct sim *s, struct http_req *r)
{
    struct sim_session *x = arg_session(s, r);

    if (!x)
        return;
    whatsapp_show_qr(s, x);
    done(r);
}

/* Any state, without a webhook: only a poll can find it. */
static void set_status(struct sim *s, struct http_req *r)
{
    struct sim_session *x = arg_session(s, r);
    char word[32];

    if (!x)
        return;
    (void)arg(r, "status", "", word, sizeof word);
    for (int i = 0; i < SIM_STATUS_N; i++) {
        if (!s->dialect->words[i] || strcmp(word, s->dialect->words[i]) != 0)
            continue;
        x->status = (enum sim_status)i;
        x->next = SIM_NEXT_NONE;
        x->started = true;
        done(r);
        return;
    }
    refused(r, "status is none of this dialect's words");
}

static void unlist(struct sim *s, struct http_req *r)
{
    struct sim_session *x = arg_session(s, r);

    if (!x)
        return;
    x->unlisted = arg_i64(r, "on", 1) != 0;
    done(r);
}

/* ---- webhooks -------------------------------------------------------------------------------- */

static void traffic(struct sim *s, struct http_req *r)
{
    char text[64];
    int64_t milli;
    unsigned types = event_bits(arg(r, "types", "", text, sizeof text)) & ((1U << EVENT_MESSAGES) - 1);

    if (text[0] && types == 0) {
        refused(r, "types are received,group,sent,delivered,read");
        return;
    }
    if (text_to_rate_milli(arg(r, "rate", "0", text, sizeof text), &milli) != 0) {
        refused(r, "rate is a number of messages a second");
        return;
    }
    if (types != 0)
        s->traffic_types = types;
    s->settings.rate_milli = milli;
    s->settings.body_bytes = arg_i64(r, "bytes", s->settings.body_bytes);
    s->traffic_debt_micro = 0;
    done(r);
}

static void send_messages(struct sim *s, struct http_req *r)
{
    struct sim_session *x = arg_session(s, r);
    char type[16];
    int event = 0;

    if (!x)
        return;
    (void)arg(r, "type", "received", type, sizeof type);
    while (event < EVENT_MESSAGES && strcmp(type, event_labels[event]) != 0)
        event++;
    if (event == EVENT_MESSAGES) {
        refused(r, "type is one of received, group, sent, delivered, read");
        return;
    }
    for (int64_t n = arg_i64(r, "n", 1); n > 0; n--)
        hook_message(s, x, (enum sim_event)event);
    done(r);
}

/* A webhook of any type; the body of the order is its data. */
static void send_hook(struct sim *s, struct http_req *r)
{
    struct sim_session *x = arg_session(s, r);
    struct str data = http_req_body(r);
    char type[64];

    if (!x)
        return;
    (void)arg(r, "type", "message.reaction", type, sizeof type);
    hook_session(s, x, EVENT_OTHER, type, data.n ? data : STR_LIT("{}"));
    done(r);
}

static void lose(struct sim *s, struct http_req *r)
{
    s->lose_webhooks = arg_i64(r, "n", 1);
    done(r);
}

/* ---- the API's faults ------------------------------------------------------------------------ */

static void set_fault(struct sim *s, struct http_req *r)
{
    static const char *const kinds[] = {
        [FAULT_NONE] = "none",     [FAULT_HANG] = "hang",       [FAULT_SLOW] = "slow",
        [FAULT_STATUS] = "status", [FAULT_GARBAGE] = "garbage", [FAULT_CUT] = "cut"
    };
    struct fault_order o = { .count = arg_i64(r, "count", -1) };
    char kind[16];
    size_t i = 0;

    (void)arg(r, "kind", "none", kind, sizeof kind);
    while (i < ARRAY_LEN(kinds) && strcmp(kind, kinds[i]) != 0)
        i++;
    if (i == ARRAY_LEN(kinds)) {
        refused(r, "kind is one of none, hang, slow, status, garbage, cut");
        return;
    }
    o.kind = (enum fault_kind)i;
    o.n = arg_i64(r, "n", o.kind == FAULT_STATUS ? 500 : 1000);
    (void)arg(r, "route", "", o.route, sizeof o.route);
    (void)arg(r, "method", "", o.method, sizeof o.method);
    if (fault_set(s->fault, &o) == 0)
        done(r);
    else
        refused(r, "too many faults at once");
}

static void own_fault(struct sim *s, struct http_req *r)
{
    char name[32];

    if (dialect_set_fault(s, arg(r, "name", "", name, sizeof name), arg_i64(r, "on", 1) != 0))
        done(r);
    else
        refused(r, s->dialect->faults ? s->dialect->faults : "this dialect has no faults of its own");
}

static void refuse(struct sim *s, struct http_req *r)
{
    s->refusing = true;
    sim_refuse(s);
    done(r);
}

static void listen_again(struct sim *s, struct http_req *r)
{
    int result = sim_listen(s);

    if (result == 0)
        done(r);
    else
        http_respond_error(r, 500, "cannot_listen", err_text(result), NULL);
}

static void restart(struct sim *s, struct http_req *r)
{
    call_came(s, NULL, STR_LIT(""));
    whatsapp_restart_all(s);
    done(r);
}

static void does_nothing(struct sim *s, struct http_req *r)
{
    s->reconnect_does_nothing = arg_i64(r, "on", 1) != 0;
    done(r);
}

static void hold(struct sim *s, struct http_req *r)
{
    s->is_held = arg_i64(r, "on", 1) != 0;
    done(r);
}

static void step(struct sim *s, struct http_req *r)
{
    whatsapp_step(s);
    done(r);
}

static void reset(struct sim *s, struct http_req *r)
{
    s->counters = (struct sim_counters){ 0 };
    s->n_calls = 0;
    done(r);
}

/* ---- the list -------------------------------------------------------------------------------- */

static void help(struct sim *s, struct http_req *r);

#define HELP_CALLS                                                                                   \
    "calls that asked for a reconnection: session (empty: a restart of all), at_ms, at_us, done_ms " \
    "(CLOCK_MONOTONIC; -1: not answered)"
#define HELP_DROP                                                                                 \
    "session=ID | share=0.5 | n=5 [code=428] [unpair=1]: WhatsApp drops them; 401 logs out, 515 " \
    "comes back by itself (zapw), unpair: with a new QR code"
#define HELP_TRAFFIC "rate=2 [bytes=400] [types=received,group,sent,delivered,read]: messages a second"
#define HELP_FAULT                                                                                       \
    "kind=hang|slow|status|garbage|cut|none [n=MS or STATUS] [route=/sessions] [method=GET] [count=3]: " \
    "of calls whose path begins with route, or matches it when it holds a *; none without a route ends all"

static const struct order {
    const char *method, *path;
    void (*serve)(struct sim *s, struct http_req *r);
    const char *help;
} orders[] = {
    { "GET", "/", help, "this list" },
    { "GET", "/state", report_state, "counters, and the status of every session" },
    { "GET", "/counters", report_counters, "counters alone" },
    { "GET", "/calls", report_calls, HELP_CALLS },
    { "GET", "/acknowledged", report_acknowledged,
      "ranges [first, last] of N of message ids SIM<N> answered 2xx" },
    { "GET", "/metrics", report_metrics, "for Prometheus" },
    { "POST", "/sessions", add_sessions, "n=5 [prefix=demo-] [connected=1]: adds sessions" },
    { "POST", "/drop", drop, HELP_DROP },
    { "POST", "/pair", pair, "session=ID: somebody scans its QR code" },
    { "POST", "/qr", new_qr, "session=ID: shows its next QR code" },
    { "POST", "/status", set_status, "session=ID status=connecting: that, without a webhook" },
    { "POST", "/unlist", unlist, "session=ID [on=1]: zapw has lost its metadata" },
    { "POST", "/traffic", traffic, HELP_TRAFFIC },
    { "POST", "/messages", send_messages, "session=ID [type=received] [n=1]: so many messages, at once" },
    { "POST", "/hook", send_hook, "session=ID [type=message.reaction]: a webhook; body: its data" },
    { "POST", "/lose", lose, "n=3: so many webhooks are not sent" },
    { "POST", "/fault", set_fault, HELP_FAULT },
    { "POST", "/own-fault", own_fault,
      "name=licence [on=1]: evolution: licence, flood; a wrong name is answered with the names" },
    { "POST", "/refuse", refuse, "stops listening, breaks what is open" },
    { "POST", "/listen", listen_again, "listens again" },
    { "POST", "/restart", restart, "away for RESTART_DELAY, then all sessions come back" },
    { "POST", "/reconnect-does-nothing", does_nothing, "[on=1]: reconnecting is answered, and that is all" },
    { "POST", "/hold", hold, "[on=1]: sessions stay as they are until on=0: no code, no coming back" },
    { "POST", "/step", step, "the next thing happens to each session that waits for one" },
    { "POST", "/reset", reset, "counters and calls from 0" },
};

static void help(struct sim *s, struct http_req *r)
{
    CLEANUP(buf_fini) struct buf body = BUF_INIT(16384);

    for (size_t i = 0; i < ARRAY_LEN(orders); i++)
        (void)buf_addf(&body, "%-4s %-24s %s\n", orders[i].method, orders[i].path, orders[i].help);
    http_respond(r, 200, "text/plain; charset=utf-8", (struct str){ buf_str(&body), body.len }, NULL);
}

static void on_request(void *ctx, struct http_req *r)
{
    struct sim *s = ctx;

    for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
        if (!str_eq(http_req_path(r), orders[i].path) || !str_eq(http_req_method(r), orders[i].method))
            continue;
        orders[i].serve(s, r);
        return;
    }
    http_respond_error(r, 404, "not_found", "no such order; GET / lists them", NULL);
}

const struct http_handlers control_handlers = { .on_request = on_request };
