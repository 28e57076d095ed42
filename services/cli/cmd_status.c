/*
 * zapkeep status: the problems, worst first; then each bridge. From state.db alone: it also works while nothing
 * runs, and says how old its news are. Exit 1 when something is wrong.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/json_out.h"
#include "common/base/mem.h"
#include "common/domain/alert_kind.h"
#include "common/ops/status_forward.h"
#include "common/ops/status_roles.h"
#include "services/cli/commands.h"
#include "services/cli/state.h"
#include "services/cli/status_text.h"
#include "services/cli/terminal.h"

#define OUT_MAX (1024 * 1024)
/* --watch: as often as a person can read it. */
#define WATCH_S 2

struct status_settings {
    struct cli_settings cli;
    bool watch;
};

static const struct setting table[] = {
    { .name = "WATCH",
      .kind = SETTING_BOOL,
      .at = offsetof(struct status_settings, watch),
      .def = "false",
      .flag_only = true,
      .help = "show it anew every two seconds, until Ctrl-C" },
    { 0 },
};

struct status {
    struct cli_state *state;
    bool json;
    int bridges;
    struct bridge_summary bridge, first;
    struct problems problems; /* of all bridges; with --json of the one under way */
    bool wrong;
    struct buf body;
    struct buf roles; /* the line about them */
    struct json_out j;
};

static bool is_wrong(const struct problems *p)
{
    return p->n > 0 && p->item[0].level == PROBLEM_BAD; /* they are sorted */
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
    const struct bridge_row *row = &s->bridge.row;
    int64_t slow_until = bucket_slow_until(&s->bridge.policy, &row->bucket, s->state->now.steady_ms);

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
    json_int(&s->j, "bucket_tokens", bucket_level(&s->bridge.policy, &row->bucket, s->state->now.steady_ms));
    json_int(&s->j, "bucket_burst", s->bridge.policy.burst);
    json_int(&s->j, "bucket_rate_milli",
             bucket_rate_milli(&s->bridge.policy, &row->bucket, s->state->now.steady_ms));
    json_int(&s->j, "bucket_full_rate_milli", s->bridge.policy.rate_milli);
    json_int(&s->j, "slow_start_until", slow_until > 0 ? cli_wall(s->state, slow_until) : 0);
    json_texts(&s->j, "attempts", why_key(s->bridge.verdict.why));
    json_texts(&s->j, "no_reconnect_method", row->no_reconnect_method);
}

static void json_queue(struct status *s)
{
    json_open(&s->j, "queue", '{');
    json_int(&s->j, "waiting", s->bridge.queue.waiting);
    json_int(&s->j, "oldest_ms",
             s->bridge.queue.waiting > 0 ? s->state->now.steady_ms - s->bridge.queue.oldest_due_at : 0);
    for (int i = 0; i < RETRY_PHASE_N; i++)
        json_int(&s->j, retry_phase_text((enum retry_phase)i), s->bridge.queue.phase[i]);
    json_close(&s->j, '}');
    json_open(&s->j, "sessions", '{');
    for (int i = 0; i < SESSION_STATE_N; i++)
        json_int(&s->j, session_state_text((enum session_state)i), s->bridge.sessions[i]);
    json_close(&s->j, '}');
}

static void json_problems(struct status *s)
{
    json_bool(&s->j, "ok", !is_wrong(&s->problems));
    json_open(&s->j, "problems", '[');
    for (int i = 0; i < s->problems.n; i++) {
        json_open(&s->j, NULL, '{');
        json_texts(&s->j, "level", s->problems.item[i].level == PROBLEM_BAD ? "bad" : "warn");
        json_texts(&s->j, "text", s->problems.item[i].text);
        json_close(&s->j, '}');
    }
    json_close(&s->j, ']');
}

/* The problems are those of this bridge and of none: a line stands for itself. */
static int write_json(struct status *s)
{
    int r;

    s->j = JSON_OUT(&s->body);
    json_open(&s->j, NULL, '{');
    json_bridge(s);
    json_queue(s);
    json_open(&s->j, "alerts", '[');
    r = alerts_each(s->state->db, s->bridge.row.name, json_alert, s);
    json_close(&s->j, ']');
    json_problems(s);
    json_close(&s->j, '}');
    (void)buf_adds(&s->body, "\n");
    return r;
}

/* ---- one bridge after the other -------------------------------------------------------------- */

static int on_bridge(void *ctx, const struct bridge_row *row)
{
    struct status *s = ctx;
    const struct status_source source = { s->state->db, status_alive_dir(&s->state->settings->app),
                                          &s->state->clock, s->state->now };
    int r = status_read(&source, row, &s->bridge);

    if (r != 0)
        return r;
    if (s->json)
        s->problems.n = 0;
    status_problems(&s->bridge, &s->problems);
    if (s->json || s->bridges == 0) {
        status_bus_problems(&s->state->settings->app, &s->problems);
        r = status_alert_problems(s->state->db, s->json, &s->problems);
        if (r == 0)
            r = status_roles(app_store(&s->state->settings->app), s->state->db, &s->problems,
                             s->json ? NULL : &s->roles);
    }
    if (r != 0)
        return r;
    status_sort(&s->problems);
    s->wrong = s->wrong || is_wrong(&s->problems);
    if (s->bridges++ == 0)
        s->first = s->bridge;
    if (s->json) {
        r = write_json(s);
    } else {
        (void)buf_adds(&s->body, "\n");
        status_text(s->state->settings, &s->bridge, &s->body);
    }
    return r == 0 ? buf_error(&s->body) : r;
}

/* The monitor has noticed, or it has not yet. */
static bool is_alert(const struct problems *p, enum alert_kind kind)
{
    for (int i = 0; i < p->n; i++)
        if (strcmp(p->item[i].name, alert_kind_text(kind)) == 0)
            return true;
    return false;
}

/* Returns 0 or a negative. */
static int add_forward(struct status *s)
{
    struct forward_status *f = mem_zalloc(sizeof *f);
    int r = f ? status_forward_read(app_store(&s->state->settings->app), f) : -ENOMEM;
    char text[900], problem[1000];

    for (int i = 0; r == 0 && i < f->n; i++) {
        enum problem_level level = status_destination_level(f, &f->destination[i]);

        (void)status_destination_text(f, &f->destination[i], text, sizeof text);
        (void)snprintf(problem, sizeof problem, "destination %s", text);
        if (level != PROBLEM_NONE)
            status_add_problem(&s->problems, level, PROBLEM_AREA_DELIVERY, "destination", problem);
        if (i == 0)
            (void)buf_adds(&s->body, "\n");
        status_line(&s->body, i ? "" : "forward", text);
    }
    if (r == 0 && f->n > 0 && !f->runs && !is_alert(&s->problems, ALERT_FORWARDER_DEAD))
        status_add_problem(&s->problems, PROBLEM_BAD, PROBLEM_AREA_DELIVERY, "forwarder-dead",
                           "a forwarder has run here, and none runs now: events wait in the log");
    mem_free(f);
    status_sort(&s->problems);
    s->wrong = s->wrong || is_wrong(&s->problems);
    return r;
}

static void print(struct status *s, bool clear)
{
    CLEANUP(buf_fini) struct buf head = BUF_INIT(OUT_MAX);

    clean_lines(&s->body);
    if (!s->json)
        status_headline(&s->problems, &s->first, s->bridges, terminal_colours(), &head);
    printf("%s%s%s", clear ? "\033[H\033[J" : "", buf_str(&head), buf_str(&s->body));
    (void)fflush(stdout);
}

/* Returns the exit code. */
static int show(const struct cli_settings *settings, bool clear)
{
    CLEANUP(cli_state_close) struct cli_state state = CLI_STATE_NULL;
    struct status *s = mem_zalloc(sizeof *s);
    int code = s ? cli_state_open(settings, &state) : cli_problem(EXIT_NEGATIVE, "out of memory");
    int r;

    if (code != EXIT_GO_ON) {
        mem_free(s);
        return code;
    }
    s->state = &state;
    s->json = settings->json;
    buf_init(&s->body, OUT_MAX);
    buf_init(&s->roles, OUT_MAX);
    r = bridges_each(state.db, on_bridge, s);
    if (r == 0 && s->roles.len > 0) {
        (void)buf_adds(&s->body, "\n");
        status_line(&s->body, "roles", buf_str(&s->roles));
    }
    if (r == 0 && !s->json) /* a line of JSON is a bridge; `forward status --json` has the destinations */
        r = add_forward(s);
    if (r != 0)
        code = cli_state_problem(&state, r);
    else if (s->bridges == 0)
        code =
            cli_problem(EXIT_NEGATIVE, "no monitor has looked at a bridge yet; is zapkeep-monitor running?");
    else
        print(s, clear);
    if (code == EXIT_GO_ON)
        code = s->wrong ? EXIT_NEGATIVE : EXIT_DONE;
    buf_fini(&s->body);
    buf_fini(&s->roles);
    mem_free(s);
    return code;
}

int cmd_status(int argc, char *argv[])
{
    struct status_settings s;
    int code = cli_read(cli_command_of(cmd_status), table, argc, argv, &s, NULL);

    if (code != EXIT_GO_ON)
        return code;
    code = show(&s.cli, s.watch && terminal_is_one());
    while (s.watch && !ferror(stdout)) {
        (void)sleep(WATCH_S);
        code = show(&s.cli, terminal_is_one());
    }
    cli_free(table, &s);
    return code;
}
