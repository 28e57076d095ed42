/*
 * zapkeep replay: posts events of the log once more, with the headers of a delivery and "zapkeep-replay:
 * true". It takes the events of all sessions, or of those that are named: ID, or BRIDGE/ID. It reads events.db and posts by itself; the forwarder need not run and its state is not touched.
 *
 *   start_all   takes rows, one request per session at a time, as many at once as FORWARD_CONCURRENCY says,
 *               each not before its time when a --speed is given
 *   on_answer   counts, names a failure, goes on
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/app/forward_config.h"
#include "common/base/json_out.h"
#include "common/base/mem.h"
#include "common/base/url.h"
#include "common/ops/event_selection.h"
#include "common/store/store.h"
#include "services/cli/audit.h"
#include "services/cli/cli.h"
#include "services/cli/commands.h"
#include "services/cli/event_range.h"

/* So many failures are named. */
#define FAILURES_NAMED   20
#define PROGRESS_MS      1000
#define ANSWER_BYTES_MAX (64 * 1024)
#define HEADERS_MAX      8192
#define BODY_MAX         (2 * 1024 * 1024)

struct replay_settings {
    struct cli_settings cli;
    struct forward_settings forward;
    const char *from, *to, *type, *session, *to_url, *destination, *config, *speed;
    bool dry_run, public_only;
};
#define AT(field) offsetof(struct replay_settings, field)

/* clang-format off */
static const struct setting replay_table[] = {
    { .name = "FROM", .at = AT(from), .flag_only = true, .help = "seq to begin with, or a time (2026-11-22T10:04:35Z, 2h: ago)" },
    { .name = "TO", .at = AT(to), .flag_only = true, .help = "seq to end with, or a time; without: the newest now" },
    { .name = "TYPE", .at = AT(type), .flag_only = true, .help = "prefix of the type: message." },
    { .name = "SESSION", .at = AT(session), .flag_only = true, .help = "of this session only" },
    { .name = "DRY_RUN", .kind = SETTING_BOOL, .at = AT(dry_run), .def = "false", .flag_only = true,
      .help = "post nothing: say how many events would be posted" },
    { .name = "TO_URL", .kind = SETTING_URL, .at = AT(to_url), .flag_only = true, .help = "post there instead of to BACKEND_URL" },
    { .name = "PUBLIC_ONLY", .kind = SETTING_BOOL, .at = AT(public_only), .flag_only = true,
      .help = "refuse a --to-url with a private address that is neither BACKEND_URL nor of FORWARD_CONFIG; the console asks so" },
    { .name = "SPEED", .at = AT(speed), .def = "0", .flag_only = true,
      .help = "1: at the pace at which they came, 10: ten times that; 0: as fast as it goes" },
    { .name = "DESTINATION", .at = AT(destination), .flag_only = true,
      .help = "post to this destination, with its key, filter and certificates, as the forwarder would" },
    { .name = "FORWARD_CONFIG", .at = AT(config), .help = "the file that has it" },
    SETTINGS_OF(forward_settings_table, struct replay_settings, forward),
    { 0 },
};
/* clang-format on */

/* ---- going on -------------------------------------------------------------------------------- */

enum place { PLACE_WAITS, PLACE_SENT, PLACE_DONE };

struct replay {
    const struct replay_settings *s;
    struct delivery_target target;
    struct config config;                         /* of --destination and --public-only */
    const struct destination_config *destination; /* NULL: BACKEND_URL or --to-url */
    struct http_client_peer peer;
    int64_t timeout_ms;
    bool public_only; /* no connection to an address of the own machine or network */
    struct event_selection selection;
    struct event_reader *reader;
    struct event_rows rows;
    enum place place[EVENT_READ_ROWS_MAX];
    int64_t next_seq;
    double speed;
    int64_t begun_ms, first_at; /* loop time of the first, and when it came */
    struct loop *loop;
    struct http_client *client;
    struct timer *timer, *progress;
    struct clock clock;
    int64_t in_flight, posted, taken, failed;
    int r;
    bool stopped;
};

struct post {
    struct replay *p;
    int row;
};

static void say_progress(void *ctx)
{
    struct replay *p = ctx;

    (void)fprintf(stderr,
                  "zapkeep: %" PRId64 " taken, %" PRId64 " failed, at seq %" PRId64 " of %" PRId64 "\n",
                  p->taken, p->failed, p->next_seq - 1, p->selection.to);
    timer_start(p->progress, PROGRESS_MS);
}

static void end(struct replay *p, int r)
{
    p->r = p->r ? p->r : r;
    loop_stop(p->loop);
}

static void start_all(struct replay *p);

static void on_answer(void *ctx, const struct http_answer *a)
{
    struct post *post = ctx;
    struct replay *p = post->p;
    const struct event *e = &p->rows.rows[post->row];
    bool ok = a->error == HTTP_E_TOO_BIG ? a->status / 100 == 2 : a->error == HTTP_OK && a->status / 100 == 2;

    p->place[post->row] = PLACE_DONE;
    p->in_flight--;
    p->taken += ok;
    p->failed += !ok;
    if (!ok && p->failed <= FAILURES_NAMED)
        (void)fprintf(stderr, "zapkeep: %s was not taken: %s %.0d%s\n", e->id,
                      a->error == HTTP_OK ? "answered" : http_error_text(a->error), a->status, a->detail);
    mem_free(post);
    if (a->error != HTTP_E_CANCELLED)
        timer_start(p->timer, 0);
}

static int send_one(struct replay *p, int row)
{
    CLEANUP(buf_fini) struct buf headers = BUF_INIT(HEADERS_MAX);
    CLEANUP(buf_fini) struct buf body = BUF_INIT(BODY_MAX);
    struct delivery_try how = { .attempt = 1,
                                .timestamp_s = p->clock.wall_ms(&p->clock) / 1000,
                                .replay = true };
    const struct event *e = &p->rows.rows[row];
    struct post *post = mem_alloc(sizeof *post);
    int r = post ? delivery_request_build(&p->target, &how, &e, 1, &headers, &body) : -ENOMEM;

    if (r == 0) {
        *post = (struct post){ p, row };
        r = http_call(p->client,
                      &(struct http_request){ .method = "POST",
                                              .url = p->target.url,
                                              .headers = buf_str(&headers),
                                              .body = { buf_str(&body), body.len },
                                              .timeout_ms = p->timeout_ms,
                                              .answer_bytes_max = ANSWER_BYTES_MAX,
                                              .http2 = true,
                                              .public_only = p->public_only },
                      on_answer, post, NULL);
    }
    if (r != 0) {
        mem_free(post);
        return r;
    }
    p->place[row] = PLACE_SENT;
    p->in_flight++;
    p->posted++;
    return 0;
}

/* Does an event of the same session before it wait or run? */
static bool is_behind(const struct replay *p, int row)
{
    const struct event *e = &p->rows.rows[row];

    for (int i = 0; i < row; i++) {
        const struct event *b = &p->rows.rows[i];

        if (p->place[i] != PLACE_DONE && b->session.n == e->session.n && b->bridge.n == e->bridge.n &&
            memcmp(b->session.p, e->session.p, e->session.n) == 0 &&
            memcmp(b->bridge.p, e->bridge.p, e->bridge.n) == 0)
            return true;
    }
    return false;
}

/* ms until its time, 0: now. */
static int64_t wait_of(struct replay *p, int row)
{
    int64_t at = p->rows.rows[row].at;
    int64_t due;

    if (p->speed <= 0)
        return 0;
    if (p->first_at == 0) {
        p->first_at = at;
        p->begun_ms = loop_now_ms(p->loop);
    }
    due = p->begun_ms + (int64_t)((double)(at - p->first_at) / p->speed);
    return due > loop_now_ms(p->loop) ? due - loop_now_ms(p->loop) : 0;
}

/* The next rows, when all of the last are done. Returns 1: there are none. */
static int read_more(struct replay *p)
{
    int r = 0;

    p->rows.n = 0;
    while (r == 0 && p->rows.n == 0 && p->next_seq <= p->selection.to) {
        r = event_read(p->reader, p->next_seq, &p->selection.filter, EVENT_READ_ROWS_MAX, &p->rows);
        if (r == 0)
            p->next_seq = p->rows.next_seq;
        while (p->rows.n > 0 && p->rows.rows[p->rows.n - 1].seq > p->selection.to)
            p->rows.n--;
        if (r == 0 && p->rows.next_seq > p->rows.head_seq)
            break;
    }
    memset(p->place, 0, sizeof p->place);
    for (int i = 0; r == 0 && i < p->rows.n; i++) {
        if (!event_selection_has(&p->selection, &p->rows.rows[i]))
            p->place[i] = PLACE_DONE;
    }
    if (r != 0)
        return r;
    return p->rows.n == 0;
}

static bool all_done(const struct replay *p)
{
    for (int i = 0; i < p->rows.n; i++) {
        if (p->place[i] != PLACE_DONE)
            return false;
    }
    return true;
}

static void start_all(struct replay *p)
{
    int r = 0;

    if (all_done(p))
        r = read_more(p);
    if (r != 0) {
        end(p, r < 0 ? r : 0);
        return;
    }
    for (int i = 0; r == 0 && i < p->rows.n && p->in_flight < p->s->forward.concurrency; i++) {
        int64_t wait;

        if (p->place[i] != PLACE_WAITS || is_behind(p, i))
            continue;
        wait = wait_of(p, i);
        if (wait > 0) {
            timer_start(p->timer, wait);
            return;
        }
        r = send_one(p, i);
    }
    if (r != 0)
        end(p, r);
}

static void on_timer(void *ctx)
{
    start_all(ctx);
}

static void on_stop(void *ctx, int signum)
{
    struct replay *p = ctx;

    p->stopped = true;
    loop_stop(p->loop);
}

/* ---- from where to where --------------------------------------------------------------------- */

/* A seq, or the first at or after a time. */
static int seq_of(struct replay *p, const char *flag, const char *text, bool end_of, int64_t *ret)
{
    int64_t at;
    int r;

    if (text_to_i64(text, ret) == 0 && *ret >= 0)
        return EXIT_GO_ON;
    if (event_range_since_ms(text, p->clock.wall_ms(&p->clock), &at) != 0)
        return cli_problem(EXIT_USAGE, "%s is \"%s\"; it takes a seq, a duration ago as 10m, or a time as %s",
                           flag, text, "2026-11-22T10:04:35Z");
    r = event_seq_at(p->reader, at, ret);
    if (r != 0)
        return cli_store_problem(app_store(&p->s->cli.app), EVENTS_DB_FILE, r);
    *ret -= end_of;
    return EXIT_GO_ON;
}

static int find_range(struct replay *p)
{
    int64_t oldest = 0;
    int code = EXIT_GO_ON, r;

    if (!p->s->from[0])
        return cli_problem(
            EXIT_USAGE, "--from is missing: a seq, a duration ago as 10m, or a time as 2026-11-22T10:04:35Z");
    r = event_bounds(p->reader, &oldest, &p->selection.to);
    if (r != 0)
        return cli_store_problem(app_store(&p->s->cli.app), EVENTS_DB_FILE, r);
    code = seq_of(p, "--from", p->s->from, false, &p->next_seq);
    if (code == EXIT_GO_ON && p->s->to[0]) {
        int64_t to = 0;

        code = seq_of(p, "--to", p->s->to, true, &to);
        p->selection.to = to < p->selection.to ? to : p->selection.to;
    }
    p->selection.from = p->next_seq;
    return code;
}

static void select_events(const struct replay_settings *s, const struct settings_args *args,
                          struct event_selection *ret)
{
    ret->filter = (struct event_filter){ .type_prefix = str_from(s->type),
                                         .session = str_from(s->session),
                                         .bridge = str_from(s->cli.bridge_name) };
    for (; ret->sessions < args->n && ret->sessions < EVENT_SELECTION_SESSIONS_MAX; ret->sessions++)
        ret->session[ret->sessions] = args->arg[ret->sessions];
}

static int say_count(const struct replay *p)
{
    struct event_selection_count n = { 0 };
    char where[256];
    int r = event_selection_count(p->reader, &p->selection, &n);

    if (r != 0)
        return cli_store_problem(app_store(&p->s->cli.app), EVENTS_DB_FILE, r);
    if (p->s->cli.json)
        printf("{\"events\":%" PRId64 ",\"first_seq\":%" PRId64 ",\"last_seq\":%" PRId64 "}\n", n.events,
               n.first_seq, n.last_seq);
    else
        printf("%" PRId64 " events would be posted to %s\n", n.events,
               url_display(p->target.url, where, sizeof where));
    return EXIT_DONE;
}

static void write_audit(const struct replay *p)
{
    char detail[400], where[256];

    (void)snprintf(detail, sizeof detail, "events %" PRId64 " to %" PRId64 ", to %s", p->selection.from,
                   p->selection.to, url_display(p->target.url, where, sizeof where));
    cli_audit(&p->s->cli, "delivery.replay", p->s->cli.bridge_name, p->s->session, true, detail);
}

/* ---- the command ----------------------------------------------------------------------------- */

/* A key goes to the host that it was configured for, and nowhere else. */
static bool is_same_host(const char *a, const char *b)
{
    struct url x, y;

    return url_parse(a, &x) == 0 && url_parse(b, &y) == 0 && x.https == y.https && x.port == y.port &&
           x.host.n == y.host.n && strncasecmp(x.host.p, y.host.p, x.host.n) == 0;
}

static int set_speed(struct replay *p)
{
    char *end_of_number = NULL;

    p->speed = strtod(p->s->speed, &end_of_number);
    if (*end_of_number || end_of_number == p->s->speed || !isfinite(p->speed) || p->speed < 0)
        return cli_problem(EXIT_USAGE, "--speed is \"%s\"; it takes a number as 10, or 0", p->s->speed);
    return -1;
}

/* BACKEND_URL and the destinations of FORWARD_CONFIG. */
static int read_destinations(struct replay *p)
{
    CLEANUP(buf_fini) struct buf problem = BUF_INIT(SETTINGS_VALUE_MAX * 2);
    const struct replay_settings *s = p->s;
    int r = s->forward.url[0] ? config_add_backend(&p->config, &s->forward, &problem) : 0;

    if (r == 0 && s->config[0])
        r = config_read(&p->config, &s->forward, s->config, &problem);
    return r ? cli_problem(EXIT_USAGE, "%s", r == -EINVAL ? buf_str(&problem) : err_text(r)) : -1;
}

static bool destination_wants(const void *ctx, const struct event *e)
{
    const struct destination_config *d = ctx;

    return event_filter_wants(&d->filter, e);
}

static int find_destination(struct replay *p)
{
    const struct replay_settings *s = p->s;
    int code;

    if (s->to_url[0])
        return cli_problem(EXIT_USAGE, "--destination and --to-url: give one of them");
    code = read_destinations(p);
    if (code >= 0)
        return code;
    for (int i = 0; i < p->config.n; i++) {
        if (strcmp(p->config.at[i]->name, s->destination) == 0)
            p->destination = p->config.at[i];
    }
    if (!p->destination)
        return cli_problem(EXIT_NEGATIVE, "there is no destination %s in BACKEND_URL and FORWARD_CONFIG",
                           s->destination);
    p->target = p->destination->target;
    p->peer = p->destination->peer;
    p->timeout_ms = p->destination->timeout_ms;
    p->public_only = !p->destination->allow_private && !p->destination->proxy;
    p->selection.wants = destination_wants;
    p->selection.ctx = p->destination;
    return -1;
}

/* May --public-only post to this URL wherever it leads? Only when an administrator has configured it, to the letter. */
static bool is_configured(const struct replay *p, const char *url)
{
    for (int i = 0; i < p->config.n; i++) {
        const struct destination_config *d = p->config.at[i];

        if ((d->allow_private || d->proxy) && strcmp(d->target.url, url) == 0)
            return true;
    }
    return false;
}

static int restrict_target(struct replay *p)
{
    int code = read_destinations(p);

    p->public_only = !is_configured(p, p->target.url);
    return code;
}

static int find_target(struct replay *p, struct buf *url)
{
    CLEANUP(buf_fini) struct buf problem = BUF_INIT(1024);
    const struct replay_settings *s = p->s;
    const char *base = s->to_url[0] ? s->to_url : s->forward.url;
    bool trusted = !s->to_url[0] || (s->forward.url[0] && is_same_host(s->to_url, s->forward.url));

    if (!base[0])
        return cli_problem(EXIT_USAGE, "none of --to-url, --destination and BACKEND_URL says where to");
    if (delivery_secrets(trusted ? s->forward.secret : "", &p->target.secrets, &problem) != 0)
        return cli_problem(EXIT_USAGE, "FORWARD_SECRET %s", buf_str(&problem));
    if (delivery_url(base, url) != 0)
        return cli_problem(EXIT_USAGE, "\"%s\" is no URL", base);
    if (!trusted && (s->forward.token[0] || s->forward.secret[0]))
        (void)fprintf(stderr,
                      "zapkeep: %s is another host than BACKEND_URL: neither token nor signature is sent\n",
                      base);
    p->target.url = buf_str(url);
    p->target.token = trusted ? s->forward.token : "";
    p->target.event_body = strcmp(s->forward.body, "event") == 0;
    p->peer.ca_file = s->forward.ca;
    p->timeout_ms = s->forward.timeout_ms;
    return s->public_only && s->to_url[0] ? restrict_target(p) : -1;
}

static void say_summary(const struct replay *p, int64_t took_ms)
{
    char took[32], where[256];

    if (p->s->cli.json)
        printf("{\"posted\":%" PRId64 ",\"taken\":%" PRId64 ",\"failed\":%" PRId64 ",\"took_ms\":%" PRId64
               "}\n",
               p->posted, p->taken, p->failed, took_ms);
    else
        printf("%" PRId64 " events posted to %s: %" PRId64 " taken, %" PRId64 " failed, in %s\n", p->posted,
               url_display(p->target.url, where, sizeof where), p->taken, p->failed,
               text_duration(took_ms, took, sizeof took));
}

static int post_all(struct replay *p)
{
    int r = http_client_open(p->loop, (int)p->s->forward.concurrency, &p->client);

    if (r == 0)
        http_client_set_peer(p->client, &p->peer);
    if (r == 0)
        r = timer_open(p->loop, on_timer, p, &p->timer);
    if (r == 0)
        r = timer_open(p->loop, say_progress, p, &p->progress);
    if (r == 0)
        r = loop_on_stop_signal(p->loop, on_stop, p);
    if (r == 0) {
        timer_start(p->timer, 0);
        timer_start(p->progress, PROGRESS_MS);
        r = loop_run(p->loop);
    }
    http_client_close(p->client);
    if (p->timer)
        timer_close(p->timer);
    if (p->progress)
        timer_close(p->progress);
    return r ? r : p->r;
}

static int replay(struct replay *p)
{
    int64_t begun_us = clock_mono_us();
    int r = loop_open(&p->loop);

    if (r == 0)
        r = post_all(p);
    (void)loop_close(p->loop);
    if (r != 0)
        return cli_problem(EXIT_NEGATIVE, "cannot go on: %s", err_text(r));
    say_summary(p, (clock_mono_us() - begun_us) / 1000);
    return p->failed == 0 && !p->stopped ? EXIT_DONE : EXIT_NEGATIVE;
}

static int run(const struct replay_settings *s, const struct settings_args *args)
{
    CLEANUP(buf_fini) struct buf url = BUF_INIT(SETTINGS_VALUE_MAX + 64);
    struct replay p = { .s = s };
    const char *dir = app_store(&s->cli.app);
    int code, r;

    clock_init(&p.clock);
    select_events(s, args, &p.selection);
    code = set_speed(&p);
    if (code < 0)
        code = s->destination[0] ? find_destination(&p) : find_target(&p, &url);
    r = code < 0 ? event_reader_open(dir, &p.reader) : 0;
    if (r != 0)
        code = cli_store_problem(dir, "events.db", r);
    if (code < 0)
        code = find_range(&p);
    if (code < 0 && s->dry_run)
        code = say_count(&p);
    if (code < 0) {
        write_audit(&p);
        code = replay(&p);
    }
    event_rows_fini(&p.rows);
    event_reader_close(p.reader);
    config_fini(&p.config);
    return code;
}

int cmd_replay(int argc, char *argv[])
{
    struct replay_settings s = { 0 };
    struct settings_args args;
    int code = cli_read(cli_command_of(cmd_replay), replay_table, argc, argv, &s, &args);

    if (code != EXIT_GO_ON)
        return code;
    code = run(&s, &args);
    cli_free(replay_table, &s);
    return code;
}
