/*
 * zapkeep forward dead list|show|retry|drop: the events that the forwarder gave up. Looking reads
 * forward.db; an order is a row of state.db, which the forwarder takes.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "common/base/clean.h"
#include "common/base/json_out.h"
#include "common/base/mem.h"
#include "services/cli/commands.h"
#include "services/cli/forward.h"
#include "services/cli/output.h"
#include "services/cli/terminal.h"

/* Rows of one read: no snapshot is held while they are printed into a pipe that nobody empties. */
#define PAGE 100
/* Behind the id of a letter. */
#define TEXT_COLUMN 8

/* clang-format off */
static const struct setting list_table[] = {
    FORWARD_FILTER_ROWS,
    { .name = "LIMIT", .kind = SETTING_INT, .at = FORWARD_AT(limit), .def = "0", .min = 0, .max = INT64_MAX,
      .flag_only = true, .help = "at most this many, the oldest first; 0: all" },
    { 0 },
};
static const struct setting order_table[] = {
    FORWARD_FILTER_ROWS,
    { .name = "ALL", .kind = SETTING_BOOL, .at = FORWARD_AT(all), .def = "false", .flag_only = true,
      .help = "all there are" },
    { 0 },
};
static const struct setting show_table[] = { { 0 } };
/* clang-format on */

/* ---- one letter ------------------------------------------------------------------------------ */

static void add_json(const struct forward_dead *d, bool whole, struct buf *out)
{
    const struct event *e = &d->event;
    struct json_out j = JSON_OUT(out);

    json_open(&j, NULL, '{');
    json_int(&j, "id", d->id);
    json_texts(&j, "destination", d->destination);
    json_texts(&j, "event", e->id);
    json_int(&j, "seq", e->seq);
    json_text(&j, "type", e->type);
    json_text(&j, "bridge", e->bridge);
    json_text(&j, "session", e->session);
    json_text(&j, "message_id", e->message_id);
    json_int(&j, "at", e->at);
    json_texts(&j, "reason", d->reason);
    json_int(&j, "tries", d->tries);
    json_int(&j, "status", d->status);
    json_text(&j, "last", d->detail);
    json_int(&j, "dead_at", d->dead_at);
    json_bool(&j, "retrying", d->redeliver);
    if (whole) {
        json_text(&j, "answer", d->answer.p ? d->answer : STR_LIT(""));
        json_raw(&j, "body", e->body.n > 0 ? e->body : STR_LIT("null"));
    }
    json_close(&j, '}');
}

static void add_line(const struct forward_dead *d, struct buf *out)
{
    char at[40];

    (void)buf_addf(out, "%6" PRId64 "  %s  %-16s %.*s\n", d->id, text_time(d->dead_at, at, sizeof at),
                   d->destination, (int)d->event.session.n, d->event.session.p);
    (void)buf_addf(out, "        %.*s %s, %" PRId64 " tries\n", (int)d->event.type.n, d->event.type.p,
                   d->event.id, d->tries);
    (void)buf_addf(out, "        %s%s%.*s%s", d->reason, d->detail.n ? ": " : "", (int)d->detail.n,
                   d->detail.p, d->redeliver ? " (is tried again)" : "");
}

static void add_whole(const struct forward_dead *d, struct buf *out)
{
    char at[40];

    add_line(d, out);
    (void)buf_addf(out, "\nreceived  %s\nlast answer\n%.*s\nbody\n", text_time(d->event.at, at, sizeof at),
                   (int)d->answer.n, d->answer.p ? d->answer.p : "");
    (void)buf_add(out, d->event.body.p ? d->event.body.p : "", d->event.body.n);
}

struct printing {
    bool json, whole;
    struct buf *out;
    int64_t last_id, n;
};

static int on_dead(void *ctx, const struct forward_dead *d)
{
    struct printing *p = ctx;

    p->last_id = d->id;
    p->n++;
    if (p->json)
        add_json(d, p->whole, p->out);
    else if (p->whole)
        add_whole(d, p->out);
    else
        add_line(d, p->out);
    return buf_addf(p->out, "\n");
}

/* ---- list and show --------------------------------------------------------------------------- */

/* A list is for people; a body is whole, for whatever reads it. */
static int flush(struct printing *p)
{
    if (p->json || p->whole)
        return output_flush(p->out);
    terminal_print(buf_str(p->out), TEXT_COLUMN);
    buf_reset(p->out);
    return fflush(stdout) == 0 ? 0 : -EPIPE;
}

static int print_all(const struct forward_cli *f, const struct forward_dead_filter *filter, int64_t limit,
                     struct printing *p)
{
    int64_t n;
    int r;

    do {
        int64_t page = limit > 0 && limit - p->n < PAGE ? limit - p->n : PAGE;

        n = p->n;
        r = page > 0 ? forward_dead_each(f->db, filter, p->last_id, page, on_dead, p) : 0;
        if (!p->json)
            clean_lines(p->out); /* texts of a sender or a backend cannot steer a terminal */
        if (r == 0)
            r = flush(p);
    } while (r == 0 && p->n > n);
    return r;
}

static int list(const struct forward_cli *f, const struct forward_cli_settings *s,
                const struct settings_args *args)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(SIZE_MAX / 2); /* a page of letters without bodies */
    struct printing p = { .json = s->cli.json, .out = &out };
    struct forward_dead_filter filter;
    int code = args->n == 0 ? forward_cli_filter(f, s, &filter)
                            : cli_problem(EXIT_USAGE, "forward dead list takes options only, not \"%s\"",
                                          args->arg[0]);
    int r;

    if (code < 0)
        code = forward_cli_check_destination(f, s->destination);
    if (code >= 0)
        return code;
    r = print_all(f, &filter, s->limit, &p);
    if (r != 0 && r != -EPIPE)
        return forward_cli_problem(f, r);
    if (!p.json && p.n == 0)
        puts("no dead letters");
    return EXIT_DONE;
}

static int show(const struct forward_cli *f, const struct forward_cli_settings *s,
                const struct settings_args *args)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(OUTPUT_LINE_MAX);
    struct printing p = { .json = s->cli.json, .whole = true, .out = &out };
    struct forward_dead_filter filter = { 0 };
    int code = args->n == 1 ? forward_cli_id(args->arg[0], &filter.id)
                            : cli_problem(EXIT_USAGE, "forward dead show takes one ID");
    int r;

    if (code != EXIT_GO_ON)
        return code;
    r = print_all(f, &filter, 1, &p);
    if (r != 0 && r != -EPIPE)
        return forward_cli_problem(f, r);
    return p.n > 0 ? EXIT_DONE : cli_problem(EXIT_NEGATIVE, "there is no dead letter %s", args->arg[0]);
}

/* ---- retry and drop -------------------------------------------------------------------------- */

static int on_count(void *ctx, const struct forward_dead *d)
{
    struct printing *p = ctx;

    p->last_id = d->id;
    p->n += d->event.body.p || !p->whole;
    return 0;
}

/* @whole: only those that have a body, as only these can be tried again. */
static int count(const struct forward_cli *f, const struct forward_dead_filter *filter, bool whole,
                 int64_t *ret)
{
    struct printing p = { .whole = whole };
    int64_t before;
    int r;

    do {
        before = p.last_id;
        r = forward_dead_each(f->db, filter, p.last_id, PAGE, on_count, &p);
    } while (r == 0 && p.last_id > before);
    if (r == 0)
        *ret += p.n;
    return r;
}

/* Fills the commands: one per id, or one with the filter. Returns -1 or the exit code. */
static int make_commands(const struct forward_cli *f, const struct forward_cli_settings *s,
                         const struct settings_args *args, enum forward_verb verb,
                         struct forward_command *ret, int *ret_n)
{
    bool filtered = s->destination[0] || s->cli.bridge_name[0] || s->session[0] || s->type[0] ||
                    s->since[0] || s->until[0];
    int code = EXIT_GO_ON;

    if ((args->n > 0) + filtered + s->all != 1)
        return cli_problem(
            EXIT_USAGE,
            "say which: IDs, a filter (--destination, --bridge, --session, --type, --since, --until),"
            " or --all");
    *ret_n = args->n > 0 ? args->n : 1;
    for (int i = 0; code == EXIT_GO_ON && i < *ret_n; i++) {
        ret[i] = (struct forward_command){ .verb = verb };
        code = args->n > 0 ? forward_cli_id(args->arg[i], &ret[i].filter.id)
                           : forward_cli_filter(f, s, &ret[i].filter);
    }
    return code;
}

static int check_there(const struct forward_cli *f, const struct forward_command *commands, int n,
                       int64_t *ret_letters)
{
    int r = 0;

    *ret_letters = 0;
    for (int i = 0; r == 0 && i < n; i++) {
        int64_t before = *ret_letters;

        r = count(f, &commands[i].filter, commands[i].verb == FORWARD_DEAD_RETRY, ret_letters);
        if (r == 0 && *ret_letters == before && commands[i].filter.id)
            return cli_problem(EXIT_NEGATIVE, "there is no dead letter %" PRId64 "%s", commands[i].filter.id,
                               commands[i].verb == FORWARD_DEAD_RETRY ? " with a body" : "");
    }
    if (r != 0)
        return forward_cli_problem(f, r);
    return *ret_letters > 0 ? -1 : cli_problem(EXIT_NEGATIVE, "no dead letter is like that");
}

static int command(const struct forward_cli *f, const struct forward_cli_settings *s,
                   const struct settings_args *args, enum forward_verb verb)
{
    struct forward_command commands[SETTINGS_ARGS_MAX];
    int64_t letters = 0;
    int n = 0;
    int code = forward_cli_check_destination(f, s->destination);

    if (code < 0)
        code = make_commands(f, s, args, verb, commands, &n);
    if (code < 0)
        code = check_there(f, commands, n, &letters);
    if (code < 0)
        code = forward_cli_command(f, commands, n, NULL);
    return code;
}

static int retry(const struct forward_cli *f, const struct forward_cli_settings *s,
                 const struct settings_args *args)
{
    return command(f, s, args, FORWARD_DEAD_RETRY);
}

static int drop(const struct forward_cli *f, const struct forward_cli_settings *s,
                const struct settings_args *args)
{
    return command(f, s, args, FORWARD_DEAD_DROP);
}

/* ---- the commands ---------------------------------------------------------------------------- */

static int run(int argc, char *argv[], const struct cli_command *cmd, const struct setting *table,
               int (*fn)(const struct forward_cli *f, const struct forward_cli_settings *s,
                         const struct settings_args *args))
{
    CLEANUP(forward_cli_close) struct forward_cli f = FORWARD_CLI_NULL;
    struct forward_cli_settings s = { 0 };
    struct settings_args args;
    int code = cli_read(cmd, table, argc, argv, &s, &args);

    if (code != EXIT_GO_ON)
        return code;
    code = forward_cli_open(&s.cli, &f);
    if (code == EXIT_GO_ON)
        code = fn(&f, &s, &args);
    cli_free(table, &s);
    return code;
}

int cmd_forward_dead_list(int argc, char *argv[])
{
    return run(argc, argv, cli_command_of(cmd_forward_dead_list), list_table, list);
}

int cmd_forward_dead_show(int argc, char *argv[])
{
    return run(argc, argv, cli_command_of(cmd_forward_dead_show), show_table, show);
}

int cmd_forward_dead_retry(int argc, char *argv[])
{
    return run(argc, argv, cli_command_of(cmd_forward_dead_retry), order_table, retry);
}

int cmd_forward_dead_drop(int argc, char *argv[])
{
    return run(argc, argv, cli_command_of(cmd_forward_dead_drop), order_table, drop);
}
