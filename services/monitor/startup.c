/*
 * Opening and closing. What cannot be had at once is waited for: monitor.lock (another monitor is at work)
 * and state.db (a full disk).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/bridge/drivers.h"
#include "common/store/activity_profiles.h"
#include "services/monitor/monitor.h"

#define LOCK_FILE "monitor.lock"
/* The other monitor's death is noticed within this. */
#define LOCK_AGAIN_MS 1000
/* What a crash may cost of a rhythm that took weeks to learn. */
#define RHYTHM_MS  (15 * 60 * 1000)
#define PATH_BYTES (SETTINGS_VALUE_MAX + 32)

static const struct setting *const tables[] = { app_settings_table,    bridge_settings_table,
                                                policy_settings_table, monitor_settings_table,
                                                monitor_admin_table,   NULL };

/* ---- settings -------------------------------------------------------------------------------- */

static int refuse(const char *words)
{
    (void)fprintf(stderr, "zapkeep-monitor: %s\n", words);
    return APP_EXIT(EXIT_USAGE);
}

static int check_settings(struct monitor *m)
{
    CLEANUP(buf_fini) struct buf problem = BUF_INIT(SETTINGS_VALUE_MAX * 2);
    const struct bridge_settings *b = &m->settings.bridge;

    if (!b->url[0])
        return refuse(
            "WHATSAPP_API_URL is not set; it is the base URL of the bridge, as http://127.0.0.1:3000");
    if (m->settings.rules.flap_reuse > m->settings.rules.flap_suppress)
        return refuse("FLAP_REUSE must not be above FLAP_SUPPRESS");
    if (policy_settings_check(&m->settings.policy, &problem) != 0)
        return refuse(buf_str(&problem));
    return 0;
}

/* ---- what /health and /ready show ------------------------------------------------------------ */

static int check_store(void *ctx, char *ret_why, size_t n)
{
    const struct monitor *m = ctx;

    if (m->attempts.timer && !m->store_failing)
        return 0;
    (void)snprintf(ret_why, n, "%s",
                   m->lock_fd < 0 ? "another monitor is at work" : "state.db cannot be opened or written");
    return 1;
}

static int check_bridge(void *ctx, char *ret_why, size_t n)
{
    const struct monitor *m = ctx;

    if (m->bridge_detail[0])
        (void)snprintf(ret_why, n, "%s", m->bridge_detail);
    else if (m->incident.kind != INCIDENT_NONE)
        (void)snprintf(ret_why, n, "incident: %s", incident_text(m->incident.kind));
    else if (!m->settled)
        (void)snprintf(ret_why, n, "no good sweep yet");
    else
        return 0;
    return 1;
}

static int check_bus(void *ctx, char *ret_why, size_t n)
{
    const struct monitor *m = ctx;

    if (event_feed_is_live(&m->feed))
        return 0;
    (void)snprintf(ret_why, n, "no hub yet");
    return 1;
}

static void add_checks(struct monitor *m)
{
    app_check_add(m->app, &(struct app_check){ "store", check_store, m, true });
    app_check_add(m->app, &(struct app_check){ "bridge", check_bridge, m, false });
    app_check_add(m->app, &(struct app_check){ "bus", check_bus, m, false });
}

/* ---- rhythms --------------------------------------------------------------------------------- */

static int on_rhythm(void *ctx, const char *session, struct str hours)
{
    const struct monitor *m = ctx;
    struct tracked_session *s = session_table_find(m->table, session);

    if (!s || s->silence)
        return 0;
    s->silence = mem_alloc(sizeof *s->silence);
    if (!s->silence)
        return -ENOMEM;
    silence_init(s->silence);
    (void)silence_unpack(hours, s->silence);
    return 0;
}

static int save_rhythm(const struct monitor *m, const struct tracked_session *s)
{
    CLEANUP(buf_fini) struct buf hours = BUF_INIT(4096);
    int r = silence_pack(s->silence, &hours);

    return r == 0 ? activity_profiles_save(m->db, m->settings.bridge.name, s->id,
                                           (struct str){ hours.data, hours.len })
                  : r;
}

static int save_rhythms(const struct monitor *m)
{
    int r = db_begin(m->db);

    if (r != 0)
        return r;
    for (int i = 0; r == 0 && i < session_table_count(m->table); i++)
        if (session_table_at(m->table, i)->profile_dirty)
            r = save_rhythm(m, session_table_at(m->table, i));
    if (r == 0)
        return db_commit(m->db);
    db_rollback(m->db);
    return r;
}

static void keep_rhythms(struct monitor *m)
{
    int dirty = 0;
    int r;

    for (int i = 0; i < session_table_count(m->table); i++)
        dirty += session_table_at(m->table, i)->profile_dirty;
    if (dirty == 0)
        return;
    r = save_rhythms(m);
    monitor_stored(m, r);
    if (r != 0)
        return;
    for (int i = 0; i < session_table_count(m->table); i++)
        session_table_at(m->table, i)->profile_dirty = false;
}

static void on_rhythm_timer(void *ctx)
{
    struct monitor *m = ctx;

    keep_rhythms(m);
    timer_start(m->rhythm, RHYTHM_MS);
}

/* ---- monitor.lock ---------------------------------------------------------------------------- */

/* Returns 0, 1: another monitor holds it, or -errno. */
static int take_lock(struct monitor *m)
{
    char path[PATH_BYTES];
    int fd, e;

    (void)snprintf(path, sizeof path, "%s/%s", m->settings.app.data_dir, LOCK_FILE);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0)
        return -errno;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        m->lock_fd = fd;
        return 0;
    }
    e = errno;
    (void)close(fd);
    return e == EWOULDBLOCK ? 1 : -e;
}

/* ---- starting -------------------------------------------------------------------------------- */

/* What the bridge's row says of it, so that a restart in an incident goes on with it. */
static int load_bridge(struct monitor *m)
{
    struct bridge_row row;
    int r = bridges_find(m->db, m->settings.bridge.name, &row);

    if (r != 0)
        return r < 0 ? r : 0;
    if (row.health == BRIDGE_HEALTH_DOWN)
        m->health.state = HEALTH_DOWN;
    if (row.health == BRIDGE_HEALTH_UP)
        m->health.state = HEALTH_UP;
    if (row.health == BRIDGE_HEALTH_DOWN)
        (void)incident_down(&m->incident, times_steady(&m->times));
    else if (row.incident_since > 0)
        incident_resume(&m->incident, times_steady(&m->times));
    m->outdated = row.outdated_since > 0 ? 1 : -1;
    return 0;
}

static int load(struct monitor *m)
{
    const struct bridge_driver *fixed = bridge_driver_find(m->settings.bridge.driver);
    int r = times_init(&m->times, m->db, app_clock(m->app));

    m->commit.db = m->db;
    if (r == 0)
        r = load_bridge(m);
    if (r == 0 && fixed)
        r = bridges_set_driver(m->db, m->settings.bridge.name, fixed->name);
    if (r == 0)
        r = attempt_watch_load(&m->attempts, m);
    if (r == 0)
        r = alert_tracker_load(&m->alerts, m->db, m->table);
    m->key_refused = m->alerts.active[ALERT_BRIDGE_KEY_REFUSED];
    if (r == 0)
        r = activity_profiles_each(m->db, m->settings.bridge.name, on_rhythm, m);
    return r;
}

static int begin(struct monitor *m)
{
    const struct bridge_driver *fixed = bridge_driver_find(m->settings.bridge.driver);
    int r = session_table_new(&m->table);

    if (r == 0)
        r = load(m);
    if (r == 0)
        r = poller_open(m->app, &m->settings.rules, &m->times, &m->target, fixed, &monitor_poller_owner, m,
                        &m->poller);
    if (r == 0)
        r = alert_sender_open(m->app, m->db, &m->sender_options, &m->sender);
    if (r == 0)
        r = attempt_watch_open(&m->attempts);
    if (r == 0)
        r = event_feed_open(&m->feed, m);
    if (r != 0)
        return r;
    log_info("watching", "watching the bridge's sessions", KS("bridge", m->settings.bridge.name),
             KI("sessions", session_table_count(m->table)));
    timer_start(m->sweep, 0);
    timer_start(m->rhythm, RHYTHM_MS);
    return 0;
}

/* Not a matter of waiting. */
static bool is_fatal(int r)
{
    return r != -ENOSPC && r != -EAGAIN && r != -EIO;
}

static void give_up(struct monitor *m, int r)
{
    log_error("store", "cannot work with state.db", KS("dir", m->settings.app.data_dir),
              KS("why", err_text(r)));
    app_fail(m->app, EXIT_UNREACHABLE);
}

/* All that begin() opens. */
static void shut(struct monitor *m)
{
    event_feed_close(&m->feed);
    poller_close(m->poller);
    attempt_watch_close(&m->attempts);
    alert_sender_close(m->sender);
    session_table_free(m->table);
    db_close(m->db);
    m->feed = (struct event_feed){ 0 };
    m->attempts = (struct attempt_watch){ 0 };
    m->poller = NULL;
    m->sender = NULL;
    m->table = NULL;
    m->db = NULL;
}

/* After a sync that failed nobody knows what is on disk, nor in the page cache: only reading it again tells.
 */
static void start_over(struct monitor *m)
{
    m->reopen = false;
    timer_stop(m->sweep);
    timer_stop(m->flush);
    timer_stop(m->rhythm);
    changeset_done(&m->changeset);
    shut(m);
    m->health = (struct health){ 0 };
    m->incident = (struct incident){ 0 };
    m->pending = (struct bridge_update){ 0 };
    m->pending_driver = NULL;
    m->settled = false;
}

static int try_start(struct monitor *m)
{
    int r = m->lock_fd < 0 ? take_lock(m) : 0;

    if (r == 0 && !m->db)
        r = db_open_state(m->settings.app.data_dir, &m->db);
    return r;
}

static void on_start(void *ctx)
{
    struct monitor *m = ctx;
    int r;

    if (m->reopen)
        start_over(m);
    r = try_start(m);
    if (r == 0)
        r = begin(m);
    if (r == 0) {
        backoff_reset(&m->waiting);
        return;
    }
    if (m->db)
        shut(m);
    if (r < 0 && is_fatal(r)) {
        give_up(m, r);
        return;
    }
    (void)backoff_next_ms(&m->waiting);
    if (r > 0 && m->waiting.tries == 1)
        log_warn("second-monitor", "another monitor works on this data directory; waiting to take over",
                 KS("dir", m->settings.app.data_dir));
    if (r < 0 && backoff_is_news(&m->waiting))
        log_warn("store", "waiting for state.db", KS("why", err_text(r)));
    timer_start(m->start, LOCK_AGAIN_MS);
}

static void wire(struct monitor *m)
{
    const struct monitor_settings *s = &m->settings;

    m->target = (struct bridge_target){ s->bridge.url, s->bridge.api_key };
    alert_tracker_init(&m->alerts, &s->rules, s->bridge.name);
    m->alerts.sink[SINK_ALERTMANAGER] = s->alert_url[0] != '\0';
    m->alerts.sink[SINK_NTFY] = s->alert_ntfy_url[0] != '\0';
    m->sender_options = (struct alert_sender_options){
        .url = { [SINK_ALERTMANAGER] = s->alert_url, [SINK_NTFY] = s->alert_ntfy_url },
        .heartbeat_url = s->heartbeat_url,
        .heartbeat_ms = s->heartbeat_ms
    };
    m->commit = (struct commit_context){ .clock = app_clock(m->app),
                                         .rng = app_rng(m->app),
                                         .rules = &s->rules,
                                         .policy = &s->policy.policy,
                                         .bridge = s->bridge.name,
                                         .alerts = &m->alerts };
}

static const struct app_spec monitor_spec = {
    .service = "monitor",
    .program = "zapkeep-monitor",
    .what = "watches the bridge's sessions and puts up what has to be reconnected",
    .tables = tables,
    .needs_data_dir = true,
};

int monitor_open(struct monitor *m, const struct app_start *start)
{
    int r = app_open(&monitor_spec, start, &m->settings, &m->app);

    if (r == 0)
        r = check_settings(m);
    if (r != 0)
        return r;
    wire(m);
    metrics_add_all();
    add_checks(m);
    r = monitor_open_timers(m);
    if (r == 0)
        r = timer_open(app_loop(m->app), on_rhythm_timer, m, &m->rhythm);
    if (r == 0)
        r = timer_open(app_loop(m->app), on_start, m, &m->start);
    if (r == 0)
        timer_start(m->start, 0);
    return r;
}

void monitor_reopen(struct monitor *m)
{
    if (m->reopen)
        return;
    m->reopen = true;
    timer_start(m->start, backoff_next_ms(&m->reopening));
    if (backoff_is_news(&m->reopening))
        log_warn("store", "a sync of state.db failed; it is opened and read anew");
}

void monitor_close(struct monitor *m)
{
    if (m->attempts.timer) {
        (void)monitor_flush(m, 0);
        keep_rhythms(m);
    }
    shut(m);
    timer_close(m->start);
    timer_close(m->sweep);
    timer_close(m->flush);
    timer_close(m->rhythm);
    changeset_fini(&m->changeset);
    alert_tracker_fini(&m->alerts);
    if (m->lock_fd >= 0)
        (void)close(m->lock_fd);
}
