/* The control port's questions. */
#include <stdio.h>
#include <string.h>

#include "common/base/json_out.h"
#include "common/base/mem.h"
#include "tests/bridge-sim/control.h"
#include "tests/bridge-sim/sim.h"

#define ANSWER_MAX (64 * 1024 * 1024)

static void answer(struct http_req *r, const char *type, struct buf *body)
{
    http_respond(r, 200, type, (struct str){ buf_str(body), body->len }, NULL);
}

/* ---- counters -------------------------------------------------------------------------------- */

static void put_answers(struct json_out *j, const struct sim_counters *c)
{
    int64_t by_class[6] = { 0 };
    char status[8];

    json_open(j, "statuses", '{');
    for (size_t i = 0; i < ARRAY_LEN(c->by_status); i++) {
        by_class[i / 100] += c->by_status[i];
        (void)snprintf(status, sizeof status, "%zu", i);
        if (c->by_status[i] != 0)
            json_int(j, status, c->by_status[i]);
    }
    json_close(j, '}');
    json_open(j, "answers", '[');
    for (size_t i = 0; i < ARRAY_LEN(by_class); i++)
        json_int(j, NULL, by_class[i]);
    json_close(j, ']');
}

static void put_counters(struct json_out *j, const struct sim *s)
{
    const struct sim_counters *c = &s->counters;

    json_int(j, "made", c->made);
    json_int(j, "acknowledged", c->acknowledged);
    json_int(j, "retried", c->retried);
    json_int(j, "dropped", c->dropped);
    json_int(j, "lost", c->lost);
    json_int(j, "waiting", sender_waiting(s->sender));
    json_int(j, "messages", s->message_n);
    json_int(j, "drops", c->drops);
    json_int(j, "reconnects", c->reconnects);
    json_int(j, "restarts", c->restarts);
    json_int(j, "api_calls", c->api_calls);
    json_int(j, "held", fault_held(s->fault));
    put_answers(j, c);
}

void report_counters(struct sim *s, struct http_req *r)
{
    CLEANUP(buf_fini) struct buf body = BUF_INIT(ANSWER_MAX);
    struct json_out j = JSON_OUT(&body);

    json_open(&j, NULL, '{');
    put_counters(&j, s);
    json_close(&j, '}');
    answer(r, "application/json", &body);
}

void report_state(struct sim *s, struct http_req *r)
{
    CLEANUP(buf_fini) struct buf body = BUF_INIT(ANSWER_MAX);
    struct json_out j = JSON_OUT(&body);

    json_open(&j, NULL, '{');
    put_counters(&j, s);
    json_open(&j, "sessions", '{');
    for (int i = 0; i < s->n_sessions; i++)
        json_texts(&j, s->sessions[i].id, session_word(s, s->sessions[i].status));
    json_close(&j, '}');
    json_close(&j, '}');
    answer(r, "application/json", &body);
}

void report_metrics(struct sim *s, struct http_req *r)
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

/* ---- calls and messages ---------------------------------------------------------------------- */

void report_calls(struct sim *s, struct http_req *r)
{
    CLEANUP(buf_fini) struct buf body = BUF_INIT(ANSWER_MAX);
    struct json_out j = JSON_OUT(&body);
    int64_t from = s->n_calls > SIM_CALLS_MAX ? s->n_calls - SIM_CALLS_MAX : 0;

    json_open(&j, NULL, '[');
    for (int64_t i = from; i < s->n_calls; i++) {
        const struct sim_call *c = &s->calls[i % SIM_CALLS_MAX];

        json_open(&j, NULL, '{');
        json_texts(&j, "session", c->session);
        json_int(&j, "at_ms", c->at_us / 1000);
        json_int(&j, "at_us", c->at_us);
        json_int(&j, "done_ms", c->done_ms);
        json_close(&j, '}');
    }
    json_close(&j, ']');
    answer(r, "application/json", &body);
}

void report_acknowledged(struct sim *s, struct http_req *r)
{
    CLEANUP(buf_fini) struct buf body = BUF_INIT(ANSWER_MAX);
    struct json_out j = JSON_OUT(&body);

    json_open(&j, NULL, '[');
    for (int64_t n = 0; n < s->message_n; n++) {
        int64_t first = n;

        while (n < s->message_n && sender_is_acknowledged(s->sender, n))
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
