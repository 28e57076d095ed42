#include "services/webhook-ingest/ingest.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/url.h"
#include "common/store/cursors.h"
#include "common/store/db.h"
#include "common/store/store.h"
#include "services/webhook-ingest/activation.h"
#include "services/webhook-ingest/ingest_metrics.h"
#include "services/webhook-ingest/request.h"

#define SECOND_MS 1000
/* A database that does not answer: a webhook that waits behind a commit is answered 503 after the time that this commit's answer may
 * take. It was not begun, so it cannot be found in the log later. A disk has no such limit: the answer is a late 200. */
#define WAIT_MAX_MS 5000
/* How often the end checks whether the last answer went out. */
#define STOP_LOOK_MS 20

/* ---- the bridges ------------------------------------------------------------------------------ */

static int open_sources(struct ingest *in)
{
    CLEANUP(buf_fini) struct buf problem = BUF_INIT(SETTINGS_VALUE_MAX * 2);
    int r = sources_open(&in->settings, &problem, &in->sources);

    return r == -EINVAL ? app_exit(in->app, EXIT_USAGE, "%s", buf_str(&problem)) : r;
}

static void on_reload(void *ctx, int signum)
{
    struct ingest *in = ctx;

    sources_reload(in->sources);
}

/* ---- the log --------------------------------------------------------------------------------- */

static void on_done(void *ctx, struct list *items)
{
    struct ingest *in = ctx;

    status_report_update(in->report);
    receiver_committed(in->receiver, items, status_report_log_id(in->report));
}

/* Is there no log (an empty file is none) although consumers have read one? */
static bool log_is_missing(const char *dir, int64_t *ret_seq)
{
    char path[SETTINGS_VALUE_MAX + sizeof EVENTS_DB_FILE + 1];
    struct db *state = NULL;
    struct stat st;
    int r;

    (void)snprintf(path, sizeof path, "%s/%s", dir, EVENTS_DB_FILE);
    if (stat(path, &st) == 0 && st.st_size > 0)
        return false;
    r = db_open_state_reader(dir, &state);
    if (r == 0)
        r = cursor_max(state, ret_seq);
    db_close(state);
    return r == 0 && *ret_seq > 0;
}

/* A volume that is not mounted must not be taken for a new installation. */
static int check_log(const struct ingest *in)
{
    const char *dir = app_store(&in->settings.app);
    char message[SETTINGS_VALUE_MAX + 512];
    int64_t seq = 0;

    if (in->settings.new_log || store_is_server(dir) || !log_is_missing(dir, &seq))
        return 0;
    (void)snprintf(
        message, sizeof message,
        "%s/events.db is missing or empty, but state.db knows a log of %lld events: check that its volume "
        "is mounted; to put a backup in place: zapkeep restore DIR; to begin a new log: --new-log",
        dir, (long long)seq);
    return app_exit(in->app, EXIT_UNREACHABLE, "%s", message);
}

static int open_log(struct ingest *in)
{
    const struct ingest_settings *s = &in->settings;
    const struct committer_options o = { .dir = app_store(&s->app),
                                         .clock = app_clock(in->app),
                                         .retention = { .age_ms = s->retention_age_ms,
                                                        .size_bytes = s->retention_bytes,
                                                        .hard_bytes = s->retention_hard_bytes,
                                                        .disk_bytes = s->disk_bytes },
                                         .wal_cap_bytes = s->wal_bytes,
                                         .wait_max_ms = store_is_server(app_store(&s->app)) ? WAIT_MAX_MS : 0,
                                         .on_done = on_done,
                                         .ctx = in };
    char message[512];
    int64_t pid = 0;
    int r = committer_open(app_loop(in->app), &o, &in->committer, &pid);

    if (r == 0 || r == -ENOMEM)
        return r;
    if (r == EVENT_LOG_TAKEN)
        (void)snprintf(
            message, sizeof message,
            "another zapkeep-ingest (pid %lld) writes %s/events.db; there can be only one: stop it, "
            "or set another ZAPKEEP_DATA_DIR",
            (long long)pid, s->app.data_dir);
    else
        (void)db_problem(app_store(&s->app), EVENTS_DB_FILE, r, message, sizeof message);
    return app_exit(in->app, EXIT_UNREACHABLE, "%s", message);
}

static int open_receiver(struct ingest *in)
{
    const struct receiver_options o = { .app = in->app,
                                        .committer = in->committer,
                                        .publisher = in->publisher,
                                        .sources = in->sources,
                                        .arrivals = in->arrival_alert,
                                        .before_metrics = status_report_gauges,
                                        .ctx = in->report };

    return receiver_open(&o, &in->receiver);
}

/* ---- listening ------------------------------------------------------------------------------- */

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Room for four of the largest bodies, of which one address may have half. A body whose signature is not checked
 * yet is of nobody: one address may have two of them at a time, and all together eight. */
static struct http_limits make_limits(const struct ingest_settings *s)
{
    struct http_limits l = http_limits_default;

    l.header_ms = s->header_ms;
    l.body_ms = s->body_ms;
    l.unverified_ms = s->body_ms < l.unverified_ms ? s->body_ms : l.unverified_ms;
    l.idle_ms = s->idle_ms;
    l.connections_max = (int)s->connections;
    l.connections_peer_max = (int)(s->peer_connections ? s->peer_connections : (s->connections + 3) / 4);
    l.body_bytes_max = s->body_bytes;
    l.part_bytes = REQUEST_PART_BYTES;
    l.bodies_bytes_max = larger(l.bodies_bytes_max, 4 * s->body_bytes);
    l.bodies_peer_max = l.bodies_bytes_max / 2;
    l.unverified_peer_max = larger(l.unverified_peer_max, 2 * s->body_bytes);
    l.unverified_bytes_max = larger(l.unverified_bytes_max, 4 * l.unverified_peer_max);
    return l;
}

static int open_server(struct ingest *in)
{
    const struct ingest_settings *s = &in->settings;
    const struct http_limits limits = make_limits(s);
    int fd = activation_fd();
    char message[256];
    char host[64];
    uint16_t port;
    int r = url_parse_listen(s->listen, host, sizeof host, &port);

    if (strcmp(s->listen, "off") == 0 && fd < 0)
        return app_exit(in->app, EXIT_USAGE,
                        "ZAPKEEP_INGEST_LISTEN is \"off\", but must be an address as "
                        "127.0.0.1:8000: taking webhooks is all this program is for");
    if (r == 0)
        r = http_server_open(app_loop(in->app), host, port, fd, &limits, &receiver_handlers, in->receiver,
                             &in->server);
    if (r == 0) {
        status_report_server(in->report, in->server);
        log_info("listening", fd >= 0 ? "takes webhooks on the socket it was given" : "takes webhooks",
                 KS("listen", s->listen), KI("port", http_server_port(in->server)));
        return 0;
    }
    if (r == -ENOMEM)
        return r;
    (void)snprintf(message, sizeof message,
                   "cannot listen on ZAPKEEP_INGEST_LISTEN %s: %s; set another address", s->listen,
                   err_text(r));
    return app_exit(in->app, EXIT_UNREACHABLE, "%s", message);
}

/* ---- running and stopping -------------------------------------------------------------------- */

static void write_alerts(void *ctx)
{
    struct ingest *in = ctx;

    arrival_alert_second(in->arrival_alert);
    disk_alert_second(in->disk_alert);
}

static void on_second(void *ctx)
{
    struct ingest *in = ctx;

    status_report_second(in->report);
    disk_alert_note(in->disk_alert, status_report_is_over_disk(in->report));
    if (!in->alert_thread)
        write_alerts(in);
    else if (status_report_is_writable(in->report)) /* else the log says already that the server is away */
        alert_thread_poke(in->alert_thread);
    if (status_report_is_fatal(in->report) && committer_waiting(in->committer) == 0)
        app_fail(in->app, EXIT_NEGATIVE); /* all were answered 503 */
    timer_start(in->second, SECOND_MS);
}

static void on_stop_look(void *ctx)
{
    struct ingest *in = ctx;

    if (http_server_pending(in->server) == 0)
        app_stopped(in->app);
    else
        timer_start(in->stop, STOP_LOOK_MS);
}

static void on_stop(void *ctx)
{
    struct ingest *in = ctx;

    http_server_quiesce(in->server);
    timer_start(in->stop, STOP_LOOK_MS);
}

static int start_timers(struct ingest *in)
{
    int r = timer_open(app_loop(in->app), on_second, in, &in->second);

    if (r == 0)
        r = timer_open(app_loop(in->app), on_stop_look, in, &in->stop);
    if (r == 0)
        timer_start(in->second, SECOND_MS);
    return r == 0 ? loop_on_signal(app_loop(in->app), SIGHUP, on_reload, in) : r;
}

static int open_alerts(struct ingest *in)
{
    const char *store = app_store(&in->settings.app);
    int r = disk_alert_open(in->app, store, &in->disk_alert);

    if (r == 0)
        r = arrival_alert_open(in->app, store, in->settings.alert_after_ms, &in->arrival_alert);
    if (r == 0 && store_is_server(store))
        r = alert_thread_open(write_alerts, in, &in->alert_thread);
    return r;
}

static const struct app_spec ingest_spec = {
    .service = "webhook-ingest",
    .is_service = true,
    .program = "zapkeep-ingest",
    .what = "takes the bridge's webhooks, stores them, answers, publishes",
    .table = ingest_settings_table,
    .needs_data_dir = true,
};

int ingest_open(struct ingest *in, const struct app_start *start)
{
    int r = app_open(&ingest_spec, start, &in->settings, &in->app);

    if (r != 0)
        return r;
    (void)signal(SIGXFSZ, SIG_IGN); /* a limit on file sizes is met as a full disk, not by dying */
    r = open_sources(in);
    if (r == 0)
        r = publisher_open(in->app, &in->publisher);
    if (r == 0)
        r = check_log(in);
    if (r == 0)
        r = open_log(in);
    if (r == 0)
        r = status_report_open(in->committer, in->publisher, in->settings.app.data_dir,
                               app_store(&in->settings.app), &in->report);
    if (r == 0)
        r = open_alerts(in);
    if (r == 0)
        r = open_receiver(in);
    if (r != 0)
        return r;
    status_report_update(in->report);
    app_check_add(in->app, &(struct app_check){ "store", status_report_store, in->report, true });
    app_check_add(in->app, &(struct app_check){ "load", status_report_load, in->report, true });
    app_on_stop(in->app, on_stop, in);
    r = open_server(in);
    return r == 0 ? start_timers(in) : r;
}

void ingest_close(struct ingest *in)
{
    committer_close(in->committer); /* answers all that waits, */
    http_server_close(in->server);  /* sends the answers, */
    publisher_close(in->publisher); /* and publishes */
    receiver_close(in->receiver);
    sources_close(in->sources);
    status_report_close(in->report);
    alert_thread_close(in->alert_thread);
    disk_alert_close(in->disk_alert);
    arrival_alert_close(in->arrival_alert);
    timer_close(in->second);
    timer_close(in->stop);
}
