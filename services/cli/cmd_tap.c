/*
 * zapkeep tap [PREFIX…]: events and messages, live. A prefix selects by topic, <type>/<bridge>/<session>.
 *
 * Stored events come from the log, and the bus announces new ones: from history (--since, --from, --last) to
 * live without a gap or a repeat, also when the bus loses messages. Messages that are no stored events
 * (bridge.*, session.state, reconnect.*, alert) live on the bus only, from now on. Where there is no
 * events.db to read (another machine), events come from the bus too.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/app/consumer.h"
#include "common/base/hash.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/store/store.h"
#include "services/cli/cli.h"
#include "services/cli/commands.h"
#include "services/cli/event_range.h"
#include "services/cli/output.h"
#include "services/cli/terminal.h"

/* A hub on this machine is there at once; after this long the user should learn why nothing comes. */
#define HUB_PATIENCE_MS 2000

struct tap_settings {
    struct cli_settings cli;
    struct event_range range;
    int64_t count, timeout_ms;
};

/* Each hub passes a message on. Another one is behind by less than so many, or its messages are shown again. */
#define SEEN_MAX 4096

struct tap {
    struct tap_settings settings;
    struct settings_args args;
    struct app *app;
    struct consumer *log; /* NULL: events come from the bus */
    struct bus_sub *sub;
    struct timer *timeout, *patience;
    struct event_filter filter;
    int64_t skip, left;
    struct buf out;
    bool json, stopped;
    uint64_t seen[SEEN_MAX]; /* the ids of the newest messages, when there are several hubs */
    size_t n_seen;
};

#define AT(field) offsetof(struct tap_settings, field)

static const struct setting tap_table[] = {
    SETTINGS_OF(cli_settings_table, struct tap_settings, cli),
    SETTINGS_OF(app_settings_table, struct tap_settings, cli.app),
    SETTINGS_OF(bridge_settings_table, struct tap_settings, cli.bridge),
    EVENT_RANGE_ROWS(AT(range), "begin with the newest N"),
    { .name = "COUNT",
      .kind = SETTING_INT,
      .at = AT(count),
      .def = "0",
      .min = 0,
      .max = INT64_MAX,
      .flag_only = true,
      .help = "end after this many; 0: never" },
    { .name = "TIMEOUT",
      .kind = SETTING_DURATION,
      .at = AT(timeout_ms),
      .def = "0",
      .min = 0,
      .max = INT64_MAX,
      .flag_only = true,
      .help = "end after this time: exit 1 when --count was not reached; 0: never" },
    { 0 },
};

/* ---- selecting and printing ------------------------------------------------------------------ */

static bool topic_matches(const struct tap *t, const char *topic)
{
    for (int i = 0; i < t->args.n; i++) {
        if (strncmp(topic, t->args.arg[i], strlen(t->args.arg[i])) == 0)
            return true;
    }
    return t->args.n == 0;
}

/* With --bridge: of that bridge. */
static bool is_of_bridge(const struct tap *t, struct str bridge)
{
    const char *name = t->settings.cli.bridge_name;

    return !*name || str_eq(bridge, name);
}

static bool wanted(const struct tap *t, struct str type, struct str bridge, struct str session)
{
    char topic[TOPIC_MAX];
    char text[64];

    if (!is_of_bridge(t, bridge))
        return false;
    (void)snprintf(text, sizeof text, "%.*s", (int)type.n, type.n ? type.p : "");
    return topic_format(text, bridge, session, topic) == 0 && topic_matches(t, topic);
}

static void stop(struct tap *t, enum exit_code code)
{
    t->stopped = true;
    app_fail(t->app, code);
}

/* Counts a line that is in t->out; false when it was the last. */
static bool count_line(struct tap *t)
{
    return t->settings.count == 0 || --t->left > 0;
}

static void flush(struct tap *t, bool more)
{
    if (output_flush(&t->out) != 0 || !more)
        stop(t, EXIT_DONE); /* the reader has enough */
}

/* Looked at for each batch: the window may have been resized. */
static int columns(void)
{
    return terminal_is_one() ? terminal_columns() : 0;
}

/* ---- from the log ---------------------------------------------------------------------------- */

static int on_batch(void *ctx, const struct event_rows *rows)
{
    struct tap *t = ctx;
    bool more = true;

    for (int i = 0; i < rows->n && more; i++) {
        const struct event *e = &rows->rows[i];

        if (t->skip > 0) {
            t->skip--;
        } else if (wanted(t, e->type, e->bridge, e->session)) {
            output_event(e, t->json, columns(), &t->out);
            more = count_line(t);
        }
    }
    flush(t, more);
    return more ? CONSUMER_MORE : CONSUMER_PAUSE;
}

static void on_error(void *ctx, int r, const char *words)
{
    (void)ctx;
    if (r != 0)
        (void)cli_problem(EXIT_UNREACHABLE, "%s", words);
}

/* ---- from the bus ---------------------------------------------------------------------------- */

static bool is_event(const struct message *m)
{
    int type = -1;

    if (m->type.n < 64) {
        char text[64];

        (void)snprintf(text, sizeof text, "%.*s", (int)m->type.n, m->type.p);
        type = topic_type_find(str_from(text));
    }
    return type >= 0 && topic_type_is_event((enum topic_type)type);
}

/* Has it come from another hub already? */
static bool is_repeated(struct tap *t, struct str id)
{
    uint64_t h = hash_add(HASH_START, id.p, id.n);
    size_t n = t->n_seen < SEEN_MAX ? t->n_seen : SEEN_MAX;

    if (id.n == 0 || !strchr(app_bus(&t->settings.cli.app), ','))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (t->seen[i] == h)
            return true;
    }
    t->seen[t->n_seen++ % SEEN_MAX] = h;
    return false;
}

static void on_message(void *ctx, struct str bytes)
{
    struct tap *t = ctx;
    struct message m;
    bool more;

    if (t->stopped || message_decode(bytes, &m) != 0 || is_repeated(t, m.id))
        return;
    if (t->log && is_event(&m)) {
        consumer_notify(t->log);
        return;
    }
    if ((t->args.n == 0 && str_eq(m.type, "log.head")) ||
        !is_of_bridge(t, m.bridge)) /* the head is asked for by name */
        return;
    output_message(&m, t->json, columns(), &t->out);
    more = count_line(t);
    flush(t, more);
}

static void on_patience(void *ctx)
{
    struct tap *t = ctx;

    if (!bus_sub_connected(t->sub))
        (void)cli_problem(EXIT_UNREACHABLE, "no hub at %s %s yet; waiting for it%s",
                          app_bus_name(&t->settings.cli.app), app_bus(&t->settings.cli.app),
                          t->log ? " (stored events are shown without it)" : "");
}

static void on_timeout(void *ctx)
{
    struct tap *t = ctx;

    stop(t, t->settings.count > 0 ? EXIT_NEGATIVE : EXIT_DONE);
}

/* ---- starting -------------------------------------------------------------------------------- */

static bool wants_history(const struct tap *t)
{
    const struct event_range *h = &t->settings.range;

    return h->from > 0 || h->since[0] || h->last > 0;
}

/* One prefix without a slash selects in the store already; more of them only here. */
static void set_filter(struct tap *t)
{
    if (t->args.n == 1 && !strchr(t->args.arg[0], '/'))
        t->filter.type_prefix = str_from(t->args.arg[0]);
}

static int find_start(struct tap *t, struct event_reader *r, int64_t *ret_seq)
{
    struct clock *clock = app_clock(t->app);
    int rc = event_range_start(r, &t->settings.range, &t->filter, clock->wall_ms(clock), ret_seq, &t->skip);

    if (rc == -EINVAL)
        return APP_EXIT(cli_problem(EXIT_USAGE,
                                    "--since is \"%s\"; it takes a duration as 10m or a time as %s",
                                    t->settings.range.since, "2026-11-22T10:04:35Z"));
    return rc;
}

static int start_log(struct tap *t, int64_t from)
{
    const struct consumer_options o = {
        .dir = app_store(&t->settings.cli.app), .after_seq = from - 1, .filter = t->filter, .sub = t->sub
    };

    return consumer_open(t->app, &o, on_batch, on_error, t, &t->log);
}

static int open_log(struct tap *t)
{
    const char *dir = app_store(&t->settings.cli.app);
    struct event_reader *reader = NULL;
    char name[STORE_DISPLAY_MAX];
    int64_t seq = 0;
    int r = event_reader_open(dir, &reader);

    if (r != 0 && wants_history(t))
        return APP_EXIT(cli_store_problem(dir, "events.db", r));
    if (r != 0) {
        (void)cli_problem(EXIT_DONE, "no event log to read in %s: showing what the bus carries",
                          store_display(dir, name, sizeof name));
        return 0;
    }
    r = find_start(t, reader, &seq);
    event_reader_close(reader);
    return r == 0 ? start_log(t, seq) : r;
}

static int open_bus(struct tap *t)
{
    static const char *const all[] = { "" };
    int n = t->args.n > 0 ? t->args.n : 1;

    return bus_sub_open(app_loop(t->app), app_bus(&t->settings.cli.app), t->args.n > 0 ? t->args.arg : all, n,
                        on_message, NULL, t, &t->sub);
}

static int start_timers(struct tap *t)
{
    int r = timer_open(app_loop(t->app), on_timeout, t, &t->timeout);

    if (r == 0)
        r = timer_open(app_loop(t->app), on_patience, t, &t->patience);
    if (r == 0 && t->settings.timeout_ms > 0)
        timer_start(t->timeout, t->settings.timeout_ms);
    if (r == 0)
        timer_start(t->patience, HUB_PATIENCE_MS);
    return r;
}

static int start_tap(struct tap *t)
{
    int r;

    t->json = t->settings.cli.json || !cli_is_tty();
    t->left = t->settings.count;
    set_filter(t);
    r = open_bus(t);
    if (r == 0)
        r = open_log(t);
    return r == 0 ? start_timers(t) : r;
}

static void stop_all(struct tap *t)
{
    consumer_close(t->log);
    bus_sub_close(t->sub);
    timer_close(t->timeout);
    timer_close(t->patience);
    buf_fini(&t->out);
}

int cmd_tap(int argc, char *argv[])
{
    static struct tap t; /* its texts are the app's, until it ends */
    const struct app_spec spec = { .service = "tap",
                                   .program = "zapkeep tap",
                                   .args = cli_command_of(cmd_tap)->args,
                                   .what = cli_command_of(cmd_tap)->what,
                                   .table = tap_table,
                                   .no_publisher = true };
    const struct app_start start = { .argc = argc, .argv = argv, .args = &t.args };
    int r;

    buf_init(&t.out, SIZE_MAX / 2); /* the lines of one read */
    r = app_open(&spec, &start, &t.settings, &t.app);
    if (r == 0) {
        event_range_given(&t.settings.range, tap_table, argc, argv);
        log_setup("tap", LOG_LEVEL_WARN, LOG_FORMAT_LOGFMT); /* a tool, not a service */
        r = start_tap(&t);
    }
    if (r == 0)
        r = app_run(t.app);
    stop_all(&t);
    return app_close(t.app, r);
}
