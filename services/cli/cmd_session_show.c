/*
 * zapkeep session show ID: its state and its meaning, the last changes, the attempts and their results, the
 * next action, its time, and the reason why not sooner.
 */
#include <stdio.h>

#include "common/base/clean.h"
#include "common/base/json_out.h"
#include "common/base/mem.h"
#include "common/domain/next_step.h"
#include "common/ops/session_next.h"
#include "services/cli/commands.h"
#include "services/cli/state.h"
#include "services/cli/terminal.h"
#include "services/cli/which_bridge.h"

#define CHANGES_SHOWN  20
#define ATTEMPTS_SHOWN 20
/* A few hundred bytes a row. */
#define OUT_MAX (64 * 1024)
/* Behind the names of the lines ("session", "state", …). */
#define TEXT_COLUMN 10

struct shown {
    struct cli_state *state;
    struct bridge_row bridge;
    struct session_row row;
    struct reconnect_outlook outlook;
    struct buf text;
    struct json_out j;
};

/* ---- the next step --------------------------------------------------------------------------- */

/* " at about 2026-… (in 3s)". */
static void write_when(struct shown *s, int64_t steady_ms)
{
    int64_t wait_ms = steady_ms - s->state->now.steady_ms;
    char at[40], in[32];

    (void)buf_addf(&s->text, " at about %s (%s%s)", text_time(cli_wall(s->state, steady_ms), at, sizeof at),
                   wait_ms >= 1000 ? "in " : "now",
                   wait_ms >= 1000 ? text_duration(wait_ms / 1000 * 1000, in, sizeof in) : "");
}

static void write_attempt(struct shown *s)
{
    const struct reconnect_outlook *o = &s->outlook;
    const char *why = cli_why(s->state, session_next_obstacle(o).why);

    (void)buf_adds(&s->text, "an attempt");
    if (o->next_at <= 0)
        (void)buf_addf(&s->text, ", when this has ended: %s", why);
    else
        write_when(s, o->next_at);
    if (o->next_at > 0 && session_next_obstacle(o).why != WHY_READY)
        (void)buf_addf(&s->text, "; not sooner because %s", why);
    if (o->ahead > 0)
        (void)buf_addf(&s->text, "; %lld before it", (long long)o->ahead);
}

static const char *next_step_of(const struct shown *s, char *ret, size_t n)
{
    char name[SESSION_ARGUMENT_MAX];

    return next_step(s->row.state, s->row.cause[0] ? cause_by_name(s->row.cause) : NULL,
                     s->outlook.row.retry.phase == RETRY_PARKED,
                     session_argument(s->state->settings, s->row.bridge, s->row.id, name), ret, n);
}

static void write_next(struct shown *s)
{
    const struct reconnect_outlook *o = &s->outlook;
    char at[40], step[200];

    (void)buf_adds(&s->text, "next      ");
    switch (session_next_action(o)) {
    case SESSION_ACTION_ATTEMPT:
        write_attempt(s);
        break;
    case SESSION_ACTION_PARK:
        (void)buf_adds(&s->text, "it is parked");
        write_when(s, o->park_at);
        (void)buf_addf(&s->text, ", unless the bridge brings it back by itself: %s", o->no_reconnect_method);
        break;
    case SESSION_ACTION_VERDICT:
        (void)buf_addf(&s->text, "%s; that is known", why_message(o->session.why));
        write_when(s, o->session.until);
        break;
    default:
        (void)buf_addf(&s->text, "nothing is planned: %s", why_message(session_next_obstacle(o).why));
        break;
    }
    (void)buf_adds(&s->text, "\n");
    if (next_step_of(s, step, sizeof step)[0])
        (void)buf_addf(&s->text, "to do     %s\n", step);
    if (o->row.retry.phase == RETRY_PARKED)
        (void)buf_addf(&s->text, "parked    since %s: %s\n", text_time(o->row.parked_since, at, sizeof at),
                       o->row.park_detail);
}

static void json_next(struct shown *s)
{
    const struct reconnect_outlook *o = &s->outlook;
    struct retry_verdict v = session_next_obstacle(o);
    int64_t at = session_next_at(o);
    char step[200];

    json_open(&s->j, "next", '{');
    json_texts(&s->j, "action", session_action_text(session_next_action(o)));
    json_texts(&s->j, "to_do", next_step_of(s, step, sizeof step));
    json_int(&s->j, "at", at > 0 ? cli_wall(s->state, at) : 0);
    json_texts(&s->j, "phase", retry_phase_text(o->row.retry.phase));
    json_texts(&s->j, "reason", retry_reason_text(o->row.retry.reason));
    json_texts(&s->j, "why_not_sooner", why_key(v.why));
    json_texts(&s->j, "detail", cli_why(s->state, v.why));
    json_int(&s->j, "until", v.until > 0 && v.why != WHY_READY ? cli_wall(s->state, v.until) : 0);
    json_int(&s->j, "ahead", o->ahead);
    json_int(&s->j, "attempts", o->row.retry.attempts);
    json_int(&s->j, "failures", o->row.retry.failures);
    json_bool(&s->j, "parked", o->row.retry.phase == RETRY_PARKED);
    json_int(&s->j, "parked_since", o->row.parked_since);
    json_texts(&s->j, "park_reason", o->row.park_detail);
    json_close(&s->j, '}');
}

/* ---- changes and attempts -------------------------------------------------------------------- */

static const char *from_text(const struct session_change *c)
{
    return c->from < 0 ? "" : session_state_text((enum session_state)c->from);
}

static int on_change(void *ctx, const struct session_change *c)
{
    struct shown *s = ctx;
    char at[40];

    (void)buf_addf(&s->text, "  %s  %s%s%s  %s%s(%s)%s%s\n", text_time(c->at, at, sizeof at), from_text(c),
                   c->from < 0 ? "" : " -> ", session_state_text((enum session_state)c->to), c->cause,
                   c->cause[0] ? " " : "", c->source, c->detail[0] ? " " : "", c->detail);
    return 0;
}

static int json_change(void *ctx, const struct session_change *c)
{
    struct shown *s = ctx;

    json_open(&s->j, NULL, '{');
    json_int(&s->j, "at", c->at);
    json_texts(&s->j, "from", from_text(c));
    json_texts(&s->j, "to", session_state_text((enum session_state)c->to));
    json_texts(&s->j, "cause", c->cause);
    json_int(&s->j, "code", c->code);
    json_texts(&s->j, "source", c->source);
    json_texts(&s->j, "detail", c->detail);
    json_close(&s->j, '}');
    return 0;
}

static int on_attempt(void *ctx, const struct attempt_row *a)
{
    struct shown *s = ctx;
    char at[40];

    (void)buf_addf(&s->text, "  %s  #%lld %s  %s", text_time(a->at, at, sizeof at), (long long)a->attempt,
                   attempt_outcome_text(a->outcome), retry_reason_text(a->reason));
    if (a->http_status > 0)
        (void)buf_addf(&s->text, ", HTTP %d in %lld ms", a->http_status, (long long)a->took_ms);
    (void)buf_addf(&s->text, ", %s%s%s\n", a->worker, a->detail[0] ? ": " : "", a->detail);
    return 0;
}

static int json_attempt(void *ctx, const struct attempt_row *a)
{
    struct shown *s = ctx;

    json_open(&s->j, NULL, '{');
    json_int(&s->j, "at", a->at);
    json_int(&s->j, "ended", a->ended);
    json_int(&s->j, "attempt", a->attempt);
    json_texts(&s->j, "outcome", attempt_outcome_text(a->outcome));
    json_texts(&s->j, "reason", retry_reason_text(a->reason));
    json_texts(&s->j, "cause", a->cause);
    json_texts(&s->j, "worker", a->worker);
    json_int(&s->j, "http_status", a->http_status);
    json_int(&s->j, "took_ms", a->took_ms);
    json_int(&s->j, "next_at", a->next_at);
    json_bool(&s->j, "parked", a->parked);
    json_texts(&s->j, "detail", a->detail);
    json_close(&s->j, '}');
    return 0;
}

/* ---- the session ----------------------------------------------------------------------------- */

static const char *meaning_of(const struct session_row *row)
{
    const struct cause *c = row->cause[0] ? cause_by_name(row->cause) : NULL;

    return c ? c->meaning : "";
}

/* Adds the bridge's own text, always on this line. */
static void add_clean(struct buf *out, const char *before, const char *text)
{
    (void)buf_adds(out, before);
    (void)clean_add(out, str_from(text));
}

/* ---- the bridge's last statement, and its way ------------------------------------------------ */

/* The last good sweep asked for all sessions, so its answer is as new as the sweep. 0: it was never polled. */
static int64_t polled_at(const struct shown *s)
{
    return s->row.raw_status[0] || s->row.state == SESSION_LOST ? s->bridge.swept_wall : 0;
}

static const char *polled_word(const struct shown *s)
{
    return s->row.state == SESSION_LOST ? "nothing: it is not in its answer" : s->row.raw_status;
}

static void add_poll(struct shown *s)
{
    char at[40], ago[32];

    add_clean(&s->text, "", polled_word(s));
    (void)buf_addf(&s->text, ", by poll at %s (%s)", text_time(polled_at(s), at, sizeof at),
                   cli_ago(s->state, polled_at(s), ago, sizeof ago));
}

static void add_webhook(struct shown *s)
{
    const struct session_row *row = &s->row;
    char at[40], ago[32];

    (void)buf_adds(&s->text, session_state_text(row->webhook_state));
    if (row->webhook_code)
        (void)buf_addf(&s->text, " (%d)", row->webhook_code);
    (void)buf_addf(&s->text, ", by webhook at %s (%s)", text_time(row->webhook_at, at, sizeof at),
                   cli_ago(s->state, row->webhook_at, ago, sizeof ago));
}

/* The newest first. */
static void write_said(struct shown *s)
{
    int64_t poll = polled_at(s), webhook = s->row.webhook_at;

    if (poll == 0 && webhook == 0)
        return;
    (void)buf_adds(&s->text, "said      ");
    if (webhook > poll)
        add_webhook(s);
    else
        add_poll(s);
    if (poll > 0 && webhook > 0) {
        (void)buf_adds(&s->text, "; before that ");
        if (webhook > poll)
            add_poll(s);
        else
            add_webhook(s);
    }
    (void)buf_adds(&s->text, "\n");
}

static void json_said(struct shown *s)
{
    int64_t poll = polled_at(s), webhook = s->row.webhook_at;

    json_texts(&s->j, "said_by", poll == 0 && webhook == 0 ? "" : webhook > poll ? "webhook" : "poll");
    json_open(&s->j, "poll", '{');
    json_int(&s->j, "at", poll);
    json_texts(&s->j, "word", poll > 0 ? s->row.raw_status : "");
    json_bool(&s->j, "listed", poll > 0 && s->row.state != SESSION_LOST);
    json_close(&s->j, '}');
    json_open(&s->j, "webhook", '{');
    json_int(&s->j, "at", webhook);
    json_texts(&s->j, "word", webhook > 0 ? session_state_text(s->row.webhook_state) : "");
    json_int(&s->j, "code", s->row.webhook_code);
    json_close(&s->j, '}');
}

/* ---- its state ------------------------------------------------------------------------------- */

static void write_state(struct shown *s)
{
    const struct session_row *row = &s->row;
    char at[40], ago[32];

    (void)buf_addf(&s->text, "session   %s on bridge %s\n", row->id, row->bridge);
    (void)buf_addf(&s->text, "state     %s since %s (%s)", session_state_text(row->state),
                   text_time(row->since, at, sizeof at), cli_ago(s->state, row->since, ago, sizeof ago));
    if (row->raw_status[0])
        add_clean(&s->text, "; the bridge calls it ", row->raw_status);
    (void)buf_adds(&s->text, "\n");
    write_said(s);
    if (row->cause[0])
        (void)buf_addf(&s->text, "cause     %s%s", row->cause, row->code ? "" : ": ");
    if (row->cause[0] && row->code)
        (void)buf_addf(&s->text, " (%d): ", row->code);
    if (row->cause[0])
        (void)buf_addf(&s->text, "%s\n", meaning_of(row));
    if (row->phone[0] || row->name[0]) {
        add_clean(&s->text, "phone     ", row->phone);
        add_clean(&s->text, " ", row->name);
        (void)buf_adds(&s->text, "\n");
    }
    if (row->ban_until > 0)
        (void)buf_addf(&s->text, "banned    until %s, as WhatsApp says; it is tried then\n",
                       text_time(row->ban_until, at, sizeof at));
    if (row->silent_since > 0)
        (void)buf_addf(&s->text, "silent    since %s\n", text_time(row->silent_since, at, sizeof at));
    if (row->suppressed_until > s->state->now.steady_ms)
        (void)buf_addf(&s->text, "flapping  left alone until %s\n",
                       text_time(cli_wall(s->state, row->suppressed_until), at, sizeof at));
}

static void json_state(struct shown *s)
{
    const struct session_row *row = &s->row;

    json_texts(&s->j, "session", row->id);
    json_texts(&s->j, "bridge", row->bridge);
    json_texts(&s->j, "state", session_state_text(row->state));
    json_texts(&s->j, "cause", row->cause);
    json_int(&s->j, "code", row->code);
    json_texts(&s->j, "meaning", meaning_of(row));
    json_int(&s->j, "since", row->since);
    json_int(&s->j, "first_seen", row->first_seen);
    json_texts(&s->j, "raw_status", row->raw_status);
    json_texts(&s->j, "phone", row->phone);
    json_texts(&s->j, "name", row->name);
    json_int(&s->j, "ban_until", row->ban_until);
    json_int(&s->j, "silent_since", row->silent_since);
    json_int(&s->j, "last_received_at", row->last_received_at);
    json_int(&s->j, "suppressed_until",
             row->suppressed_until > s->state->now.steady_ms ? cli_wall(s->state, row->suppressed_until) : 0);
    json_said(s);
}

static int write_text(struct shown *s)
{
    struct db *db = s->state->db;
    int r;

    write_state(s);
    write_next(s);
    (void)buf_adds(&s->text, "changes   (newest first)\n");
    r = sessions_each_change(db, s->row.bridge, s->row.id, CHANGES_SHOWN, on_change, s);
    (void)buf_adds(&s->text, "attempts  (newest first)\n");
    if (r == 0)
        r = attempts_each(db, s->row.bridge, s->row.id, ATTEMPTS_SHOWN, on_attempt, s);
    return r;
}

static int write_json(struct shown *s)
{
    struct db *db = s->state->db;
    int r;

    json_open(&s->j, NULL, '{');
    json_state(s);
    json_next(s);
    json_open(&s->j, "changes", '[');
    r = sessions_each_change(db, s->row.bridge, s->row.id, CHANGES_SHOWN, json_change, s);
    json_close(&s->j, ']');
    json_open(&s->j, "attempts", '[');
    if (r == 0)
        r = attempts_each(db, s->row.bridge, s->row.id, ATTEMPTS_SHOWN, json_attempt, s);
    json_close(&s->j, ']');
    json_close(&s->j, '}');
    (void)buf_adds(&s->text, "\n");
    return r;
}

static int show(struct cli_state *state, const char *id)
{
    CLEANUP(buf_fini) struct buf text = BUF_INIT(OUT_MAX);
    const char *bridge = state->settings->bridge.name;
    struct shown s = { .state = state, .text = text };
    int r = sessions_find(state->db, bridge, id, &s.row);

    if (r == SESSIONS_NONE)
        return cli_no_session(state, id);
    if (r == 0)
        r = bridges_get(state->db, bridge, &s.bridge);
    if (r == 0)
        r = reconnect_outlook(state->db, &state->policy, &state->now, bridge, id, &s.outlook);
    s.j = JSON_OUT(&s.text);
    if (r == 0)
        r = state->settings->json ? write_json(&s) : write_text(&s);
    if (r == 0)
        r = buf_error(&s.text);
    text = s.text;
    if (r != 0)
        return cli_state_problem(state, r);
    clean_lines(&text);
    if (state->settings->json)
        (void)fputs(buf_str(&text), stdout);
    else
        terminal_print(buf_str(&text), TEXT_COLUMN);
    return EXIT_DONE;
}

static int run(const struct cli_settings *s, const struct settings_args *args)
{
    CLEANUP(cli_state_close) struct cli_state state = CLI_STATE_NULL;
    const char *id;
    int code = cli_one_session(args, "session show", &id);

    if (code == EXIT_GO_ON)
        code = cli_state_open(s, &state);
    return code != EXIT_GO_ON ? code : show(&state, id);
}

int cmd_session_show(int argc, char *argv[])
{
    struct cli_settings s;
    struct settings_args args;
    int code = cli_read(cli_command_of(cmd_session_show), NULL, argc, argv, &s, &args);

    if (code != EXIT_GO_ON)
        return code;
    code = run(&s, &args);
    cli_free(NULL, &s);
    return code;
}
