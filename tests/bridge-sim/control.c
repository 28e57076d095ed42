/*
 * The control port: what tests and demonstrations do to the simulated bridge. Every order is a POST whose
 * arguments are in the query; GET /state, /calls, /acknowledged and /metrics tell.
 *
 *   POST /sessions?n=5[&prefix=demo-][&connected=1]    POST /drop?session=ID|share=0.5[&code=428]
 *   POST /pair?session=ID                              POST /traffic?rate=2[&bytes=400]
 *   POST /fault?kind=hang|slow|status|garbage|cut|none[&n=ms or status][&route=/sessions][&count=3]
 *   POST /lose?n=3                                     POST /refuse        POST /listen
 *   POST /restart                                      POST /reconnect-does-nothing?on=1
 *   POST /reset (counters and calls)
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/json.h"
#include "common/base/mem.h"
#include "tests/bridge-sim/sim.h"

#define ANSWER_MAX (64 * 1024 * 1024)

/* The value of key in "a=1&b=2" as a text of n bytes, or the default. Values are ids, numbers and paths:
 * nothing is escaped. */
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

static void no_session(struct http_req *r)
{
    http_respond_error(r, 404, "not_found", "there is no such session", NULL);
}

static void add_sessions(struct sim *s, struct http_req *r)
{
    char prefix[40], id[65];
    int64_t n = arg_i64(r, "n", 1);
    bool connected = arg_i64(r, "connected", 1) != 0;
    struct sim_session *x;

    (void)arg(r, "prefix", "demo-", prefix, sizeof prefix);
    for (int64_t i = 1; i <= n; i++) {
        (void)snprintf(id, sizeof id, "%s%lld", prefix, (long long)i);
        if (session_add(s, id, &x) == 0 && connected)
            session_connect(s, x);
    }
    done(r);
}

/* One session, or every k-th of the connected ones so that the share comes out. */
static void drop(struct sim *s, struct http_req *r)
{
    char id[65], share_text[16];
    int code = (int)arg_i64(r, "code", 428);
    double share = strtod(arg(r, "share", "0", share_text, sizeof share_text), NULL);
    struct sim_session *x = session_find(s, str_from(arg(r, "session", "", id, sizeof id)));
    double owed = 0;

    if (id[0] && !x) {
        no_session(r);
        return;
    }
    if (x)
        session_drop(s, x, code);
    for (int i = 0; !x && i < s->n_sessions; i++) {
        if (s->sessions[i].status != SIM_CONNECTED)
            continue;
        owed += share;
        if (owed >= 1) {
            owed -= 1;
            session_drop(s, &s->sessions[i], code);
        }
    }
    done(r);
}

static void pair(struct sim *s, struct http_req *r)
{
    char id[65];
    struct sim_session *x = session_find(s, str_from(arg(r, "session", "", id, sizeof id)));

    if (!x) {
        no_session(r);
        return;
    }
    session_connect(s, x);
    done(r);
}

static void traffic(struct sim *s, struct http_req *r)
{
    char rate[16];
    int64_t milli;

    if (text_to_rate_milli(arg(r, "rate", "0", rate, sizeof rate), &milli) == 0)
        s->settings.rate_milli = milli;
    s->settings.body_bytes = arg_i64(r, "bytes", s->settings.body_bytes);
    s->traffic_debt_micro = 0;
    done(r);
}

static void set_fault(struct sim *s, struct http_req *r)
{
    static const char *const kinds[] = {
        [FAULT_NONE] = "none",     [FAULT_HANG] = "hang",       [FAULT_SLOW] = "slow",
        [FAULT_STATUS] = "status", [FAULT_GARBAGE] = "garbage", [FAULT_CUT] = "cut"
    };
    char kind[16], route[128];

    (void)arg(r, "kind", "none", kind, sizeof kind);
    (void)arg(r, "route", "", route, sizeof route);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (strcmp(kind, kinds[i]) != 0)
            continue;
        fault_set(s->fault, (enum fault_kind)i, arg_i64(r, "n", i == FAULT_STATUS ? 500 : 1000), route,
                  arg_i64(r, "count", -1));
        done(r);
        return;
    }
    http_respond_error(r, 400, "unknown_kind", "kind is one of none, hang, slow, status, garbage, cut", NULL);
}

static void refuse(struct sim *s, struct http_req *r)
{
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

static void lose(struct sim *s, struct http_req *r)
{
    s->lose_webhooks = arg_i64(r, "n", 1);
    done(r);
}

static void restart(struct sim *s, struct http_req *r)
{
    struct sim_call *call = &s->calls[s->n_calls++ % SIM_CALLS_MAX];

    *call = (struct sim_call){ .at_ms = clock_mono_us() / 1000 };
    session_restart_all(s);
    done(r);
}

static void does_nothing(struct sim *s, struct http_req *r)
{
    s->reconnect_does_nothing = arg_i64(r, "on", 1) != 0;
    done(r);
}

static void reset(struct sim *s, struct http_req *r)
{
    s->counters = (struct sim_counters){ 0 };
    s->n_calls = 0;
    done(r);
}

/* ---- telling ---------------------------------------------------------------------------------------------
 */

static void answer(struct http_req *r, const char *type, struct buf *body)
{
    http_respond(r, 200, type, (struct str){ buf_str(body), body->len }, NULL);
}

static void get_state(struct sim *s, struct http_req *r)
{
    CLEANUP(buf_fini) struct buf body = BUF_INIT(ANSWER_MAX);
    struct json_out j = JSON_OUT(&body);
    const struct sim_counters *c = &s->counters;

    json_open(&j, NULL, '{');
    json_int(&j, "made", c->made);
    json_int(&j, "acknowledged", c->acknowledged);
    json_int(&j, "retried", c->retried);
    json_int(&j, "dropped", c->dropped);
    json_int(&j, "lost", c->lost);
    json_int(&j, "waiting", sender_waiting(s->sender));
    json_int(&j, "messages", s->message_n);
    json_int(&j, "drops", c->drops);
    json_int(&j, "reconnects", c->reconnects);
    json_int(&j, "restarts", c->restarts);
    json_int(&j, "api_calls", c->api_calls);
    json_open(&j, "answers", '[');
    for (size_t i = 0; i < ARRAY_LEN(c->by_class); i++)
        json_int(&j, NULL, c->by_class[i]);
    json_close(&j, ']');
    json_open(&j, "sessions", '{');
    for (int i = 0; i < s->n_sessions; i++)
        json_texts(&j, s->sessions[i].id, session_word(s, s->sessions[i].status));
    json_close(&j, '}');
    json_close(&j, '}');
    answer(r, "application/json", &body);
}

static void get_calls(struct sim *s, struct http_req *r)
{
    CLEANUP(buf_fini) struct buf body = BUF_INIT(ANSWER_MAX);
    struct json_out j = JSON_OUT(&body);
    int64_t from = s->n_calls > SIM_CALLS_MAX ? s->n_calls - SIM_CALLS_MAX : 0;

    json_open(&j, NULL, '[');
    for (int64_t i = from; i < s->n_calls; i++) {
        const struct sim_call *c = &s->calls[i % SIM_CALLS_MAX];

        json_open(&j, NULL, '{');
        json_texts(&j, "session", c->session);
        json_int(&j, "at_ms", c->at_ms);
        json_close(&j, '}');
    }
    json_close(&j, ']');
    answer(r, "application/json", &body);
}

static bool is_acknowledged(const struct sim *s, int64_t n)
{
    return (size_t)n < s->acknowledged_bits && (s->acknowledged[n / 8] >> (n % 8) & 1);
}

/* Ranges [first, last] of message numbers (SIM<n>) that were answered 2xx. */
static void get_acknowledged(struct sim *s, struct http_req *r)
{
    CLEANUP(buf_fini) struct buf body = BUF_INIT(ANSWER_MAX);
    struct json_out j = JSON_OUT(&body);

    json_open(&j, NULL, '[');
    for (int64_t n = 0; n < s->message_n; n++) {
        int64_t first = n;

        while (n < s->message_n && is_acknowledged(s, n))
            n++;
        if (n == first)
            continue;
        json_open(&j, NULL, '[');
        json_int(&j, NULL, first);
        json_int(&j, NULL, n - 1);
        json_close(&j, ']');
    }
    json_close(&j, ']');
    answer(r, "application/json", &body);
}

static void get_metrics(struct sim *s, struct http_req *r)
{
    CLEANUP(buf_fini) struct buf body = BUF_INIT(ANSWER_MAX);
    const struct sim_counters *c = &s->counters;

    (void)buf_addf(&body,
                   "zapkeep_sim_webhooks_made_total %lld\nzapkeep_sim_webhooks_acknowledged_total %lld\n"
                   "zapkeep_sim_drops_total %lld\nzapkeep_sim_reconnect_calls_total %lld\n",
                   (long long)c->made, (long long)c->acknowledged, (long long)c->drops,
                   (long long)c->reconnects);
    answer(r, "text/plain; version=0.0.4", &body);
}

static const struct route {
    const char *method, *path;
    void (*serve)(struct sim *s, struct http_req *r);
} routes[] = {
    {"POST",  "/sessions",               add_sessions    },
    { "POST", "/drop",                   drop            },
    { "POST", "/pair",                   pair            },
    { "POST", "/traffic",                traffic         },
    { "POST", "/fault",                  set_fault       },
    { "POST", "/refuse",                 refuse          },
    { "POST", "/listen",                 listen_again    },
    { "POST", "/lose",                   lose            },
    { "POST", "/restart",                restart         },
    { "POST", "/reconnect-does-nothing", does_nothing    },
    { "POST", "/reset",                  reset           },
    { "GET",  "/state",                  get_state       },
    { "GET",  "/calls",                  get_calls       },
    { "GET",  "/acknowledged",           get_acknowledged},
    { "GET",  "/metrics",                get_metrics     },
};

static void on_request(void *ctx, struct http_req *r)
{
    struct sim *s = ctx;

    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        if (!str_eq(http_req_path(r), routes[i].path) || !str_eq(http_req_method(r), routes[i].method))
            continue;
        routes[i].serve(s, r);
        return;
    }
    http_respond_error(r, 404, "not_found",
                       "no such order; zapkeep-bridge-sim --help and tests/bridge-sim/control.c list them",
                       NULL);
}

const struct http_handlers control_handlers = { .on_request = on_request };
