/*
 * zapkeep status: each bridge with its health, breaker, bucket, queue, sessions by state, and what is wrong
 * now. From state.db alone: it also works while nothing runs, and says how old its news are.
 */
#include <stdio.h>

#include "common/base/json_out.h"
#include "common/base/mem.h"
#include "common/store/alerts.h"
#include "services/cli/commands.h"
#include "services/cli/state.h"

#define OUT_MAX (256 * 1024)
/* More are counted. */
#define ALERTS_SHOWN 20

struct status {
    struct cli_state *state;
    bool json;
    int bridges;
    /* of the bridge under way */
    const struct bridge_row *row;
    struct policy policy;
    int64_t sessions[SESSION_STATE_N];
    struct reconnect_queue queue;
    int64_t in_flight, alerts;
    struct retry_verdict verdict;
    struct buf out;
    struct json_out j;
};

/* ---- for people ------------------------------------------------------------------------------ */

static void write_health(struct status *s)
{
    const struct bridge_row *row = s->row;
    char ago[32];

    (void)buf_addf(&s->out, "bridge    %s (%s) is %s since %s%s%s\n", row->name,
                   row->driver[0] ? row->driver : "driver not known yet", bridge_health_text(row->health),
                   cli_ago(s->state, row->health_since, ago, sizeof ago), row->health_detail[0] ? ": " : "",
                   row->health_detail);
    if (row->incident_since > 0)
        (void)buf_addf(&s->out, "incident  since %s: %s\n",
                       cli_ago(s->state, row->incident_since, ago, sizeof ago), row->incident_detail);
    if (row->outdated_since > 0)
        (void)buf_addf(&s->out, "outdated  since %s: WhatsApp refuses the bridge's client version (405)\n",
                       cli_ago(s->state, row->outdated_since, ago, sizeof ago));
    (void)buf_addf(&s->out, "sweep     the last good one ended %s ago%s\n",
                   cli_ago(s->state, row->swept_wall, ago, sizeof ago),
                   s->state->now.steady_ms > row->fresh_until ? "; too old to act upon" : "");
}

static void write_pace(struct status *s)
{
    const struct bridge_row *row = s->row;
    int64_t wait_ms = s->state->now.steady_ms - s->queue.oldest_due_at;
    char wait[32];

    (void)buf_addf(&s->out, "breaker   %s%s\n", breaker_state_text(row->breaker.state),
                   row->breaker.state == BREAKER_OPEN ? ": the bridge failed too many calls" : "");
    (void)buf_addf(&s->out, "bucket    %lld of %lld attempts, %lld.%03lld/s\n",
                   (long long)bucket_level(&s->policy, &row->bucket, s->state->now.steady_ms),
                   (long long)s->policy.burst, (long long)(s->policy.rate_milli / 1000),
                   (long long)(s->policy.rate_milli % 1000));
    (void)buf_addf(&s->out, "queue     %lld waiting", (long long)s->queue.waiting);
    if (s->queue.waiting > 0)
        (void)buf_addf(&s->out, ", the first for %s", text_duration(wait_ms, wait, sizeof wait));
    (void)buf_addf(&s->out, "; %lld due later, %lld calling, %lld being verified, %lld parked\n",
                   (long long)(s->queue.phase[RETRY_DUE] - s->queue.waiting),
                   (long long)s->queue.phase[RETRY_CALLING], (long long)s->queue.phase[RETRY_VERIFYING],
                   (long long)s->queue.phase[RETRY_PARKED]);
    if (s->verdict.why != WHY_READY && (s->verdict.why != WHY_NO_METHOD || s->queue.phase[RETRY_DUE] > 0))
        (void)buf_addf(&s->out, "attempts  none now: %s\n",
                       s->verdict.why == WHY_NO_METHOD ? row->no_reconnect_method
                                                       : why_message(s->verdict.why));
}

static void write_sessions(struct status *s)
{
    const char *comma = "";

    (void)buf_adds(&s->out, "sessions  ");
    for (int i = 0; i < SESSION_STATE_N; i++) {
        if (s->sessions[i] == 0)
            continue;
        (void)buf_addf(&s->out, "%s%lld %s", comma, (long long)s->sessions[i],
                       session_state_text((enum session_state)i));
        comma = ", ";
    }
    (void)buf_adds(&s->out, comma[0] ? "\n" : "none\n");
}

static int write_alert(void *ctx, const struct alert_row *a)
{
    struct status *s = ctx;
    char ago[32];

    if (!a->grouped && ++s->alerts <= ALERTS_SHOWN)
        (void)buf_addf(&s->out, "alert     %s: %s (%s)\n", a->name, a->detail,
                       cli_ago(s->state, a->since, ago, sizeof ago));
    return 0;
}

static int write_text(struct status *s)
{
    int r;

    if (s->bridges > 1)
        (void)buf_adds(&s->out, "\n");
    write_health(s);
    write_pace(s);
    write_sessions(s);
    r = alerts_each(s->state->db, s->row->name, write_alert, s);
    if (s->alerts > ALERTS_SHOWN)
        (void)buf_addf(&s->out, "          and %lld more alerts\n", (long long)(s->alerts - ALERTS_SHOWN));
    return r;
}

/* ---- for programs ---------------------------------------------------------------------------- */

static int json_alert(void *ctx, const struct alert_row *a)
{
    struct status *s = ctx;

    if (a->grouped)
        return 0;
    json_open(&s->j, NULL, '{');
    json_texts(&s->j, "alert", a->name);
    json_texts(&s->j, "session", a->session);
    json_int(&s->j, "since", a->since);
    json_texts(&s->j, "cause", a->cause);
    json_texts(&s->j, "text", a->detail);
    json_close(&s->j, '}');
    return 0;
}

static void json_bridge(struct status *s)
{
    const struct bridge_row *row = s->row;

    json_texts(&s->j, "bridge", row->name);
    json_texts(&s->j, "driver", row->driver);
    json_texts(&s->j, "health", bridge_health_text(row->health));
    json_int(&s->j, "health_since", row->health_since);
    json_texts(&s->j, "health_detail", row->health_detail);
    json_int(&s->j, "incident_since", row->incident_since);
    json_texts(&s->j, "incident_detail", row->incident_detail);
    json_int(&s->j, "outdated_since", row->outdated_since);
    json_int(&s->j, "swept_at", row->swept_wall);
    json_bool(&s->j, "fresh", s->state->now.steady_ms <= row->fresh_until);
    json_texts(&s->j, "breaker", breaker_state_text(row->breaker.state));
    json_int(&s->j, "breaker_until",
             row->breaker.state == BREAKER_OPEN ? cli_wall(s->state, row->breaker.until) : 0);
    json_int(&s->j, "bucket_tokens", bucket_level(&s->policy, &row->bucket, s->state->now.steady_ms));
    json_int(&s->j, "bucket_burst", s->policy.burst);
    json_int(&s->j, "bucket_rate_milli", s->policy.rate_milli);
    json_texts(&s->j, "attempts", why_key(s->verdict.why));
    json_texts(&s->j, "no_reconnect_method", row->no_reconnect_method);
}

static void json_queue(struct status *s)
{
    json_open(&s->j, "queue", '{');
    json_int(&s->j, "waiting", s->queue.waiting);
    json_int(&s->j, "oldest_ms", s->queue.waiting > 0 ? s->state->now.steady_ms - s->queue.oldest_due_at : 0);
    for (int i = 0; i < RETRY_PHASE_N; i++)
        json_int(&s->j, retry_phase_text((enum retry_phase)i), s->queue.phase[i]);
    json_close(&s->j, '}');
    json_open(&s->j, "sessions", '{');
    for (int i = 0; i < SESSION_STATE_N; i++)
        json_int(&s->j, session_state_text((enum session_state)i), s->sessions[i]);
    json_close(&s->j, '}');
}

static int write_json(struct status *s)
{
    int r;

    s->j = JSON_OUT(&s->out);
    json_open(&s->j, NULL, '{');
    json_bridge(s);
    json_queue(s);
    json_open(&s->j, "alerts", '[');
    r = alerts_each(s->state->db, s->row->name, json_alert, s);
    json_close(&s->j, ']');
    json_close(&s->j, '}');
    (void)buf_adds(&s->out, "\n");
    return r;
}

/* ---- one bridge after the other -------------------------------------------------------------- */

static int read_bridge(struct status *s)
{
    struct db *db = s->state->db;
    struct retry_bridge view;
    int r = sessions_count(db, s->row->name, s->sessions);

    s->policy = bridges_policy(s->row);
    s->alerts = 0;
    if (r == 0)
        r = reconnects_queue(db, &s->state->now, s->row->name, &s->queue);
    if (r == 0)
        r = reconnects_count_in_flight(db, &s->state->now, s->row->name, &s->in_flight);
    if (r != 0)
        return r;
    view = bridges_view(s->row, s->in_flight);
    s->verdict = retry_bridge_verdict(&s->policy, &view, s->state->now.steady_ms);
    return 0;
}

static int on_bridge(void *ctx, const struct bridge_row *row)
{
    struct status *s = ctx;
    int r;

    s->bridges++;
    s->row = row;
    r = read_bridge(s);
    if (r == 0)
        r = s->json ? write_json(s) : write_text(s);
    if (r == 0)
        r = buf_error(&s->out);
    if (r == 0)
        (void)fputs(buf_str(&s->out), stdout);
    buf_reset(&s->out);
    return r;
}

static int run(const struct cli_settings *settings)
{
    CLEANUP(cli_state_close) struct cli_state state = CLI_STATE_NULL;
    struct status s = { .state = &state, .json = settings->json, .out = BUF_INIT(OUT_MAX) };
    int code = cli_state_open(settings, &state);
    int r;

    if (code >= 0)
        return code;
    r = bridges_each(state.db, on_bridge, &s);
    buf_fini(&s.out);
    if (r != 0)
        return cli_state_problem(&state, r);
    if (s.bridges == 0)
        return cli_problem(EXIT_NEGATIVE,
                           "no monitor has looked at a bridge yet; is zapkeep-monitor running?");
    return EXIT_DONE;
}

int cmd_status(int argc, char *argv[])
{
    struct cli_settings s;
    int code = cli_read(cli_command_of(cmd_status), NULL, argc, argv, &s, NULL);

    if (code >= 0)
        return code;
    code = run(&s);
    cli_free(NULL, &s);
    return code;
}
