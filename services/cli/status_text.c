/* Lines of 80 columns: a label of ten, then the text, broken between words. */
#include "services/cli/status_text.h"

#include <stdio.h>

#include "common/base/mem.h"
#include "common/domain/next_step.h"
#include "services/cli/terminal.h"
#include "services/cli/which_bridge.h"

#define INDENT 10

void status_line(struct buf *out, const char *label, const char *text)
{
    (void)buf_addf(out, "%-*s", INDENT, label);
    terminal_wrap(out, text, TERMINAL_COLUMNS, INDENT, INDENT);
}

static const char *age(const struct bridge_summary *b, int64_t wall_ms, char *ret, size_t n)
{
    int64_t ms = wall_ms > 0 && b->now.wall_ms > wall_ms ? b->now.wall_ms - wall_ms : 0;

    return text_age(ms, ret, n);
}

/* ---- the first line -------------------------------------------------------------------------- */

static void add_problem(const struct problem *p, bool colours, struct buf *out)
{
    bool bad = p->level == PROBLEM_BAD;

    terminal_paint(out, colours, bad ? TERMINAL_RED : TERMINAL_YELLOW, bad ? "wrong" : "note");
    (void)buf_addf(out, "%*s", bad ? INDENT - 5 : INDENT - 4, "");
    terminal_wrap(out, p->text, TERMINAL_COLUMNS, INDENT, INDENT);
}

void status_headline(const struct problems *p, const struct bridge_summary *first, int bridges, bool colours,
                     struct buf *out)
{
    char text[200];

    if (p->n == 0 || p->item[0].level != PROBLEM_BAD) {
        terminal_paint(out, colours, TERMINAL_GREEN, "ok");
        (void)snprintf(text, sizeof text,
                       bridges == 1 ? "bridge %s is %s, %lld sessions are connected" : "%s",
                       bridges == 1 ? first->row.name : "nothing is wrong on any bridge",
                       bridge_health_text(first->row.health), (long long)first->sessions[SESSION_CONNECTED]);
        (void)buf_addf(out, "%*s%s\n", INDENT - 2, "", text);
    }
    for (int i = 0; i < p->n; i++)
        add_problem(&p->item[i], colours, out);
}

/* ---- a bridge -------------------------------------------------------------------------------- */

static void add_bridge(const struct bridge_summary *b, struct buf *out)
{
    const struct bridge_row *row = &b->row;
    char text[600], since[32], swept[32];

    (void)snprintf(text, sizeof text, "%s (%s) is %s for %s%s%s; last full scan %s%s", row->name,
                   row->driver[0] ? row->driver : "driver not known yet", bridge_health_text(row->health),
                   age(b, row->health_since, since, sizeof since), row->health_detail[0] ? ": " : "",
                   row->health_detail,
                   row->swept_wall ? age(b, row->swept_wall, swept, sizeof swept) : "not yet made",
                   row->swept_wall ? " ago" : "");
    status_line(out, "bridge", text);
}

/* "0.412/s", and during a slow start its end and the full rate. */
static const char *rate_text(const struct bridge_summary *b, char *ret, size_t n)
{
    int64_t now = b->now.steady_ms, milli = bucket_rate_milli(&b->policy, &b->row.bucket, now);
    int64_t until = bucket_slow_until(&b->policy, &b->row.bucket, now), full = b->policy.rate_milli;
    size_t len =
        (size_t)snprintf(ret, n, "%lld.%03lld/s", (long long)(milli / 1000), (long long)(milli % 1000));
    char left[32];

    if (until > 0)
        (void)snprintf(ret + len, n - len, ", slow start for %s more, then %lld.%03lld/s",
                       text_duration((until - now + 999) / 1000 * 1000, left, sizeof left),
                       (long long)(full / 1000), (long long)(full % 1000));
    return ret;
}

static void add_attempts(const struct bridge_summary *b, struct buf *out)
{
    const struct reconnect_queue *q = &b->queue;
    char text[600], wait[64] = "", oldest[32], rate[128];

    if (q->waiting > 0)
        (void)snprintf(wait, sizeof wait, " (the first for %s)",
                       text_duration(b->now.steady_ms - q->oldest_due_at, oldest, sizeof oldest));
    (void)snprintf(
        text, sizeof text,
        "%lld waiting%s, %lld due later, %lld calling, %lld being verified, %lld parked; breaker %s; "
        "%lld of %lld tokens, %s",
        (long long)q->waiting, wait, (long long)(q->phase[RETRY_DUE] - q->waiting),
        (long long)q->phase[RETRY_CALLING], (long long)q->phase[RETRY_VERIFYING],
        (long long)q->phase[RETRY_PARKED], breaker_state_text(b->row.breaker.state),
        (long long)bucket_level(&b->policy, &b->row.bucket, b->now.steady_ms), (long long)b->policy.burst,
        rate_text(b, rate, sizeof rate));
    status_line(out, "attempts", text);
    if (b->verdict.why != WHY_READY && (!why_is_of_method(b->verdict.why) || q->phase[RETRY_DUE] > 0)) {
        (void)snprintf(text, sizeof text, "none now: %s",
                       why_is_of_method(b->verdict.why) ? b->row.no_reconnect_method
                                                        : why_message(b->verdict.why));
        status_line(out, "", text);
    }
}

static void add_counts(const struct bridge_summary *b, struct buf *out)
{
    char text[300] = "";
    size_t n = 0;

    for (int i = 0; i < SESSION_STATE_N; i++) {
        if (b->sessions[i] > 0)
            n += (size_t)snprintf(text + n, sizeof text - n, "%s%lld %s", n ? ", " : "",
                                  (long long)b->sessions[i], session_state_text((enum session_state)i));
    }
    status_line(out, "sessions", n ? text : "none");
}

static void add_down(const struct cli_settings *settings, const struct bridge_summary *b, struct buf *out)
{
    int shown = b->n_down < STATUS_DOWN_MAX ? (int)b->n_down : STATUS_DOWN_MAX;
    char text[600], since[32], step[400], due[64], name[SESSION_ARGUMENT_MAX];

    for (int i = 0; i < shown; i++) {
        const struct status_session *s = &b->down[i];
        int64_t wait_ms = s->due_at - b->now.wall_ms;

        (void)next_step(s->state, s->cause[0] ? cause_by_name(s->cause) : NULL, s->parked,
                        session_argument(settings, b->row.name, s->id, name), step, sizeof step);
        if (!step[0] && s->due_at > 0)
            (void)snprintf(step, sizeof step, wait_ms > 0 ? "next attempt in %s" : "an attempt is due",
                           wait_ms > 0 ? text_duration((wait_ms + 999) / 1000 * 1000, due, sizeof due) : "");
        (void)snprintf(text, sizeof text, "%s: %s for %s%s%s%s%s%s", s->id, session_state_text(s->state),
                       age(b, s->since, since, sizeof since), s->cause[0] ? ", " : "", s->cause,
                       s->parked ? ", parked" : "", step[0] ? "; " : "", step);
        status_line(out, i ? "" : "down", text);
    }
    if (b->n_down > shown) {
        (void)snprintf(text, sizeof text, "and %lld more; `zapkeep sessions` lists them",
                       (long long)(b->n_down - shown));
        status_line(out, "", text);
    }
}

void status_text(const struct cli_settings *s, const struct bridge_summary *b, struct buf *out)
{
    char text[80];

    add_bridge(b, out);
    add_counts(b, out);
    add_down(s, b, out);
    add_attempts(b, out);
    if (b->n_alerts > STATUS_ALERTS_MAX) {
        (void)snprintf(text, sizeof text, "and %lld more alerts",
                       (long long)(b->n_alerts - STATUS_ALERTS_MAX));
        status_line(out, "alerts", text);
    }
}
