/*
 * zapkeep events: the event log, oldest first. It only reads events.db; nothing needs to run.
 *
 * Without --from and --since: the newest 20 that match (--last N: another number). With one of them: all from
 * there. --limit N ends after N; 0 is all.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "common/app/webhook_settings.h"
#include "common/app/webhook_url.h"
#include "common/base/mem.h"
#include "common/bridge/signature.h"
#include "common/store/store.h"
#include "services/cli/cli.h"
#include "services/cli/commands.h"
#include "services/cli/event_range.h"
#include "services/cli/output.h"
#include "services/cli/rejected.h"
#include "services/cli/terminal.h"

#define LAST_DEFAULT 20

struct events_settings {
    struct cli_settings cli;
    struct event_range range;
    int64_t limit;
    const char *type, *session;
    bool rejected;
    int64_t accept; /* id of a rejected one; 0: none */
    const char *token, *webhook_url, *ingest_listen;
};

#define AT(field) offsetof(struct events_settings, field)

static const struct setting events_table[] = {
    EVENT_RANGE_ROWS(AT(range), "the newest N that match (20 unless --from, --since or --limit is given)"),
    { .name = "LIMIT",
      .kind = SETTING_INT,
      .at = AT(limit),
      .def = "-1",
      .min = -1,
      .max = INT64_MAX,
      .flag_only = true,
      .help = "at most this many; alone: the newest; 0: all there are" },
    { .name = "TYPE",
      .at = AT(type),
      .def = "",
      .flag_only = true,
      .help = "prefix of the type: message. or session.disconnected" },
    { .name = "SESSION", .at = AT(session), .def = "", .flag_only = true, .help = "of this session only" },
    { .name = "REJECTED",
      .kind = SETTING_BOOL,
      .at = AT(rejected),
      .def = "false",
      .flag_only = true,
      .help = "instead: webhooks that were refused, newest first, with headers, size and the beginning of "
              "the body" },
    { .name = "ACCEPT",
      .kind = SETTING_INT,
      .at = AT(accept),
      .def = "0",
      .min = 0,
      .max = INT64_MAX,
      .flag_only = true,
      .help = "with --rejected: posts the one of this id to webhook-ingest once more, as JSON" },
    WEBHOOK_TOKEN_ROW(struct events_settings, token),
    WEBHOOK_URL_ROW(struct events_settings, webhook_url),
    INGEST_LISTEN_ROW(struct events_settings, ingest_listen),
    { 0 },
};

/* ---- events ---------------------------------------------------------------------------------- */

static void print_rows(const struct event_rows *rows, bool json, int64_t *skip, int64_t *left,
                       struct buf *out)
{
    for (int i = 0; i<rows->n && * left> 0; i++) {
        if (*skip > 0) {
            --*skip;
            continue;
        }
        output_event(&rows->rows[i], json, terminal_is_one() ? terminal_columns() : 0, out);
        --*left;
    }
}

static int print_from(struct event_reader *r, const struct events_settings *s,
                      const struct event_filter *filter, int64_t seq, int64_t skip)
{
    CLEANUP(event_rows_fini) struct event_rows rows = EVENT_ROWS_NULL;
    CLEANUP(buf_fini) struct buf out = BUF_INIT(SIZE_MAX / 2); /* the lines of one read */
    int64_t left = s->limit > 0 ? s->limit : INT64_MAX;
    int64_t head = 0;
    int rc = 0;

    do { /* up to the head as it was at first: it may grow faster than we print */
        rc = event_read(r, seq, filter, EVENT_READ_ROWS_MAX, &rows);
        if (rc != 0)
            return rc;
        head = head ? head : rows.head_seq;
        seq = rows.next_seq;
        print_rows(&rows, s->cli.json, &skip, &left, &out);
        rc = output_flush(&out);
    } while (rc == 0 && left > 0 && seq <= head);
    return rc;
}

/* The default: the newest 20; a limit alone is the newest that many. */
static struct event_range what_to_show(const struct events_settings *s)
{
    struct event_range h = s->range;

    if (h.from > 0 || h.since[0] || h.last > 0)
        return h;
    if (s->limit == 0)
        h.from = 1;
    else
        h.last = s->limit > 0 ? s->limit : LAST_DEFAULT;
    return h;
}

static int show_events(struct event_reader *r, const struct events_settings *s)
{
    const struct event_filter filter = { .type_prefix = str_from(s->type),
                                         .session = str_from(s->session),
                                         .bridge = str_from(s->cli.bridge_name) };
    const struct event_range h = what_to_show(s);
    struct clock clock;
    int64_t seq = 0;
    int64_t skip = 0;
    int rc;

    clock_init(&clock);
    rc = event_range_start(r, &h, &filter, clock.wall_ms(&clock), &seq, &skip);
    return rc == 0 ? print_from(r, s, &filter, seq, skip) : rc;
}

/* ---- rejected -------------------------------------------------------------------------------- */

static int on_rejected(void *ctx, const struct rejected *row)
{
    const bool *json = ctx;
    CLEANUP(buf_fini) struct buf out = BUF_INIT(OUTPUT_LINE_MAX);

    output_rejected(row, *json, &out);
    return output_flush(&out);
}

static int show_rejected(struct event_reader *r, struct events_settings *s)
{
    int limit = s->limit > 0 && s->limit < INT32_MAX ? (int)s->limit : INT32_MAX;

    return event_read_rejected(r, limit, on_rejected, &s->cli.json);
}

/* The one that --accept names is posted; others are passed over. */
struct search {
    const struct events_settings *s;
    int code; /* -1: not found yet */
};

static int post_again(const struct events_settings *s, const struct rejected *row)
{
    char bridge[65], url[SETTINGS_VALUE_MAX], token[SETTINGS_VALUE_MAX] = "";
    struct rejected_target target = { .url = url, .token = token, .json = s->cli.json };
    struct bridge_settings target_bridge = s->cli.bridge;
    struct tokens tokens;
    bool own;

    str_copy(row->bridge.n ? row->bridge : str_from(s->cli.bridge.name), bridge, sizeof bridge);
    own = strcmp(bridge, s->cli.bridge.name) == 0;
    target_bridge.name = bridge;
    webhook_url(own ? s->webhook_url : "", s->ingest_listen, &target_bridge, url, sizeof url);
    if (!*url)
        return cli_problem(EXIT_USAGE, "set ZAPKEEP_INGEST_LISTEN to where webhook-ingest is");
    if (tokens_parse(s->token, &tokens) == 0 && tokens.n > 0)
        str_copy(tokens.token[0], token, sizeof token);
    return rejected_accept(row, &target);
}

static int on_candidate(void *ctx, const struct rejected *row)
{
    struct search *search = ctx;

    if (row->id != search->s->accept)
        return 0;
    search->code = post_again(search->s, row);
    return -EPIPE; /* enough */
}

static int accept_one(const struct events_settings *s)
{
    const char *dir = app_store(&s->cli.app);
    struct search search = { s, -1 };
    struct event_reader *r = NULL;
    int rc = event_reader_open(dir, &r);

    if (rc != 0)
        return cli_store_problem(dir, "events.db", rc);
    rc = event_read_rejected(r, INT32_MAX, on_candidate, &search);
    event_reader_close(r);
    if (search.code >= 0)
        return search.code;
    if (rc != 0 && rc != -EPIPE)
        return cli_store_problem(dir, EVENTS_DB_FILE, rc);
    return cli_problem(EXIT_NEGATIVE,
                       "there is no rejected webhook %" PRId64 "; zapkeep events --rejected lists them",
                       s->accept);
}

/* ---- the command ----------------------------------------------------------------------------- */

static int show(struct events_settings *s)
{
    const char *dir = app_store(&s->cli.app);
    struct event_reader *r = NULL;
    int rc = event_reader_open(dir, &r);

    if (rc != 0)
        return cli_store_problem(dir, "events.db", rc);
    rc = s->rejected ? show_rejected(r, s) : show_events(r, s);
    event_reader_close(r);
    if (rc == 0 || rc == -EPIPE) /* the reader of our lines has enough */
        return EXIT_DONE;
    if (rc == -EINVAL)
        return cli_problem(EXIT_USAGE, "--since is \"%s\"; it takes a duration as 10m or a time as %s",
                           s->range.since, "2026-11-22T10:04:35Z");
    return cli_store_problem(dir, EVENTS_DB_FILE, rc);
}

int cmd_events(int argc, char *argv[])
{
    struct events_settings s;
    struct settings_args args;
    int code = cli_read(cli_command_of(cmd_events), events_table, argc, argv, &s, &args);

    if (code != EXIT_GO_ON)
        return code;
    (void)signal(SIGPIPE, SIG_IGN);
    event_range_given(&s.range, events_table, argc, argv);
    code = args.n == 0 ? (s.accept > 0 ? accept_one(&s) : show(&s))
                       : cli_problem(EXIT_USAGE,
                                     "events takes options only, not \"%s\"; see zapkeep events "
                                     "--help",
                                     args.arg[0]);
    cli_free(events_table, &s);
    return code;
}
