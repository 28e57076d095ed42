/*
 * zapkeep forward status: each destination, its progress, its obstacles.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clean.h"
#include "common/base/json_out.h"
#include "common/base/mem.h"
#include "common/ops/destination.h"
#include "common/ops/status_forward.h"
#include "common/store/store.h"
#include "services/cli/commands.h"
#include "services/cli/forward.h"
#include "services/cli/terminal.h"

/* Behind the name of a destination. */
#define TEXT_COLUMN 17

struct show {
    const struct forward_cli *f;
    int64_t head;
    bool runs;
    int n;
};

static void print_json(const struct show *s, const struct forward_destination *d,
                       const struct forward_counts *c)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(16384);
    struct json_out j = JSON_OUT(&out);

    json_open(&j, NULL, '{');
    json_texts(&j, "destination", d->name);
    json_texts(&j, "url", d->url);
    json_texts(&j, "state", destination_state(d, c, s->head, s->runs));
    json_int(&j, "state_since", d->state_since);
    json_bool(&j, "on", d->off_since == 0);
    json_bool(&j, "paused", d->paused_since > 0);
    json_bool(&j, "running", s->runs);
    json_texts(&j, "breaker", d->breaker[0] ? d->breaker : "closed");
    json_int(&j, "floor", destination_delivered(d, c));
    json_int(&j, "head", s->head);
    json_int(&j, "lag", destination_lag(d, c, s->head));
    json_int(&j, "in_flight", s->runs ? d->in_flight : 0);
    json_int(&j, "retrying", c->retrying);
    json_int(&j, "blocked", c->blocked);
    json_int(&j, "dead", c->dead);
    json_int(&j, "delivered", d->delivered);
    json_int(&j, "matched", d->matched);
    json_int(&j, "filtered", d->filtered);
    json_texts(&j, "last_error", d->last_error);
    json_int(&j, "last_error_at", d->last_error_at);
    json_int(&j, "last_status", d->last_status);
    json_texts(&j, "last_session", d->last_session);
    json_texts(&j, "last_answer", d->last_answer);
    json_int(&j, "off_since", d->off_since);
    json_close(&j, '}');
    puts(buf_str(&out));
}

static void print_line(const struct show *s, const struct forward_destination *d,
                       const struct forward_counts *c)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(16384);
    char ago[32] = "";

    if (s->n == 1)
        (void)buf_addf(&out, "%-16s %-9s %9s %8s %7s %5s %9s %9s\n", "DESTINATION", "STATE", "LAG",
                       "RETRYING", "BLOCKED", "DEAD", "MATCHED", "FILTERED");
    (void)buf_addf(&out,
                   "%-16s %-9s %9" PRId64 " %8" PRId64 " %7" PRId64 " %5" PRId64 " %9" PRId64 " %9" PRId64
                   "\n%-16s %s\n",
                   d->name, destination_state(d, c, s->head, s->runs), destination_lag(d, c, s->head),
                   c->retrying, c->blocked, c->dead, d->matched, d->filtered, "", d->url);
    if (d->last_error[0])
        (void)buf_addf(&out, "%-16s last error %s ago: %s%s%s%s%s\n", "",
                       text_age(s->f->wall_ms - d->last_error_at, ago, sizeof ago), d->last_error,
                       d->last_session[0] ? ", session " : "", d->last_session,
                       d->last_answer[0] ? ", answer: " : "", d->last_answer);
    clean_lines(&out); /* words of a backend cannot steer a terminal */
    terminal_print(buf_str(&out), TEXT_COLUMN);
}

static int on_destination(void *ctx, const struct forward_destination *d)
{
    struct show *s = ctx;
    struct forward_counts c = { 0 };
    int r = forward_counts(s->f->db, d, &c);

    if (r != 0)
        return r;
    s->n++;
    if (s->f->settings->json)
        print_json(s, d, &c);
    else
        print_line(s, d, &c);
    return 0;
}

static int64_t head_of(const char *dir)
{
    struct event_reader *reader = NULL;
    int64_t oldest = 0, head = 0;

    if (event_reader_open(dir, &reader) == 0)
        (void)event_bounds(reader, &oldest, &head);
    event_reader_close(reader);
    return head;
}

static int run(const struct cli_settings *settings)
{
    CLEANUP(forward_cli_close) struct forward_cli f = FORWARD_CLI_NULL;
    struct show s = { .f = &f };
    int code = forward_cli_open(settings, &f);
    int r;

    if (code != EXIT_GO_ON)
        return code;
    s.head = head_of(app_store(&settings->app));
    s.runs = status_forward_runs(app_store(&settings->app));
    r = forward_destinations_each(f.db, on_destination, &s);
    if (r != 0)
        return forward_cli_problem(&f, r);
    if (!s.runs && !settings->json)
        puts("zapkeep-forward does not run");
    return EXIT_DONE;
}

int cmd_forward_status(int argc, char *argv[])
{
    struct cli_settings s;
    int code = cli_read(cli_command_of(cmd_forward_status), NULL, argc, argv, &s, NULL);

    if (code != EXIT_GO_ON)
        return code;
    code = run(&s);
    cli_free(NULL, &s);
    return code;
}
