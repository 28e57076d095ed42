/* The stores, the disk below them, and those who write there. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "common/app/heartbeat.h"
#include "common/base/mem.h"
#include "common/base/own_file.h"
#include "common/domain/cause.h"
#include "common/ops/open_state.h"
#include "common/ops/status.h"
#include "common/ops/status_forward.h"
#include "common/ops/status_roles.h"
#include "common/store/events.h"
#include "common/store/store.h"
#include "services/cli/doctor.h"

/* The header of a SQLite file. */
#define HEAD_BYTES 100

static const char restore_advice[] =
    "look at permissions and disk; `zapkeep restore DIR` puts a backup in place";

static const char *dir_of(const struct doctor *d)
{
    return d->settings.cli.app.data_dir;
}

/* The folder, or a database server. */
static const char *store_of(const struct doctor *d)
{
    return app_store(&d->settings.cli.app);
}

/* File systems without the locks and the shared memory that SQLite needs. */
static const char *network_name(long type)
{
    static const struct {
        long type;
        const char *name;
    } known[] = { { 0x6969, "NFS" },      { 0xff534d42, "CIFS" },  { 0xfe534d42, "SMB" },
                  { 0x517b, "SMB" },      { 0x01021997, "9p" },    { 0x5346414f, "AFS" },
                  { 0x00c36400, "Ceph" }, { 0x0bd00bd0, "Lustre" } };

    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if ((unsigned long)known[i].type == ((unsigned long)type & 0xffffffff))
            return known[i].name;
    }
    return NULL;
}

void doctor_folder(struct doctor *d, struct finding *f)
{
    struct statfs fs;

    if (statfs(dir_of(d), &fs) != 0)
        finding_set(f, FINDING_BAD, "start zapkeep, or set ZAPKEEP_DATA_DIR (--data-dir) to its folder",
                    "%s: %s", dir_of(d), err_text(-errno));
    else if (network_name(fs.f_type) && !store_is_server(store_of(d)))
        finding_set(f, FINDING_BAD, "put the data directory on a disk of this machine",
                    "%s is on %s: SQLite's locks and shared memory do not hold there", dir_of(d),
                    network_name(fs.f_type));
    else if (access(dir_of(d), R_OK | W_OK | X_OK) != 0)
        finding_set(f, FINDING_BAD, "run doctor as the user of the services, or give that user the folder",
                    "%s: %s", dir_of(d), err_text(-errno));
    else
        finding_set(f, FINDING_OK, "", "%s can be written", dir_of(d));
}

/* With a database it holds sockets and signs of life alone. */
static const char *full_disk_text(const struct doctor *d)
{
    return store_is_server(store_of(d)) ? "make room: with a full disk no program gives a sign of life"
                                        : "make room: with a full disk webhooks are answered 503";
}

void doctor_disk(struct doctor *d, struct finding *f)
{
    char free_text[32], total_text[32];
    enum finding_level level;
    int64_t free_bytes, total;
    struct statfs fs;

    if (statfs(dir_of(d), &fs) != 0) {
        finding_set(f, FINDING_SKIP, "", "no folder to look at");
        return;
    }
    free_bytes = (int64_t)fs.f_bavail * fs.f_bsize;
    total = (int64_t)fs.f_blocks * fs.f_bsize;
    level = doctor_disk_level(free_bytes, total);
    finding_set(f, level, level == FINDING_OK ? "" : full_disk_text(d), "%s of %s free",
                text_bytes(free_bytes, free_text, sizeof free_text),
                text_bytes(total, total_text, sizeof total_text));
}

/* 1: in WAL mode; 0: not; a negative: cannot be read. */
static int is_wal(const struct doctor *d, const char *file)
{
    uint8_t head[HEAD_BYTES];
    ssize_t n;
    int fd, r;

    r = own_file_open(dir_of(d), file, O_RDONLY, 0, &fd);
    if (r != 0)
        return r;
    n = read(fd, head, sizeof head);
    (void)close(fd);
    return n < 0 ? -EIO : doctor_is_wal(head, (size_t)n);
}

void doctor_sqlite(struct doctor *d, struct finding *f)
{
    const char *version = db_engine_version();
    bool race = doctor_has_wal_reset_race(version);

    if (is_wal(d, STATE_DB_FILE) == 1)
        finding_set(f, race ? FINDING_BAD : FINDING_WARN,
                    "stop zapkeep and run: sqlite3 state.db 'PRAGMA journal_mode=DELETE'",
                    "state.db was switched to WAL by another program%s",
                    race ? ", and this SQLite has the WAL-reset race" : "");
    else if (race)
        finding_set(
            f, FINDING_NOTE, "let no other program write to events.db or state.db, not even sqlite3's shell",
            "SQLite %s has the WAL-reset race; zapkeep is safe: one writer in events.db, no WAL in state.db",
            version);
    else
        finding_set(f, FINDING_OK, "", "SQLite %s is without the WAL-reset race", version);
}

static const char *part_of(const struct doctor *d, const char *part)
{
    return store_part(store_of(d), part);
}

/* @verb: "read" or "written"; @in_folder: the next step for files. */
static void set_unusable(const struct doctor *d, struct finding *f, const char *part, const char *verb, int r,
                         const char *in_folder)
{
    bool is_server = store_is_server(store_of(d));
    char problem[512];

    finding_set(f, FINDING_BAD, is_server ? "zapkeep store status; look at the server" : in_folder,
                "%s cannot be %s: %s", part_of(d, part), verb,
                is_server ? db_problem(store_of(d), part, r, problem, sizeof problem) : err_text(r));
}

void doctor_state(struct doctor *d, struct finding *f)
{
    struct db *db = NULL;
    int r = ops_open_state(store_of(d), &db);

    if (r == 0)
        r = db_check_writable(db);
    if (r == -ENOENT && !store_is_server(store_of(d)))
        finding_set(f, FINDING_BAD, "start zapkeep-monitor and zapkeep-reconnect: they make it",
                    "there is no state.db yet");
    else if (r)
        set_unusable(d, f, STATE_DB_FILE, "written", r,
                     "run doctor as the user of the services; look at permissions and disk");
    else
        finding_set(f, FINDING_OK, "", "%s takes a row and keeps it", part_of(d, STATE_DB_FILE));
    db_close(db);
}

/* As consumers do: opened for reading, bounds, the newest row. */
static int read_log(const struct doctor *d, int64_t *ret_head)
{
    CLEANUP(event_rows_fini) struct event_rows rows = EVENT_ROWS_NULL;
    struct event_reader *reader = NULL;
    int64_t oldest = 0;
    int r = event_reader_open(store_of(d), &reader);

    if (r == 0)
        r = event_bounds(reader, &oldest, ret_head);
    if (r == 0 && *ret_head > 0)
        r = event_read(reader, *ret_head, NULL, 1, &rows);
    event_reader_close(reader);
    return r == 0 && *ret_head > 0 && rows.n != 1 ? -EBADMSG : r;
}

void doctor_log(struct doctor *d, struct finding *f)
{
    int64_t head = 0;
    int r = read_log(d, &head);

    if (r == -ENOENT && !store_is_server(store_of(d)))
        finding_set(f, FINDING_BAD, "start zapkeep-ingest: it makes it", "there is no events.db yet");
    else if (r)
        set_unusable(d, f, EVENTS_DB_FILE, "read", r, restore_advice);
    else
        finding_set(f, FINDING_OK, "", "%s can be read up to event %lld", part_of(d, EVENTS_DB_FILE),
                    (long long)head);
}

void doctor_forward(struct doctor *d, struct finding *f)
{
    struct forward_status *s = mem_zalloc(sizeof *s);
    int r = s ? status_forward_read(store_of(d), s) : -ENOMEM;
    char text[380];

    if (r)
        set_unusable(d, f, FORWARD_DB_FILE, "read", r, restore_advice);
    else if (s->n == 0)
        finding_set(f, FINDING_NOTE, "", "no forwarder has run here: events stay in the log");
    else
        finding_set(f, FINDING_OK, "", "%s can be read; %d destination%s", part_of(d, FORWARD_DB_FILE), s->n,
                    s->n == 1 ? "" : "s");
    for (int i = 0; r == 0 && i < s->n && f->level != FINDING_BAD; i++) {
        enum problem_level level = status_destination_level(s, &s->destination[i]);

        if (level == PROBLEM_BAD || (level == PROBLEM_WARN && f->level == FINDING_OK))
            finding_set(f, level == PROBLEM_BAD ? FINDING_BAD : FINDING_WARN,
                        s->runs ? "`zapkeep forward status` has the rest; look at the destination"
                                : "start zapkeep-forward",
                        "%s", status_destination_text(s, &s->destination[i], text, sizeof text));
    }
    mem_free(s);
}

/* -- the services that write -- */

/* Returns 0, BRIDGES_NONE, or a negative; @ret_gone of status_monitor_gone() may be NULL. */
static int read_row(struct doctor *d, struct bridge_row *ret, struct now *ret_now, char *ret_gone, size_t n)
{
    struct db *db = NULL;
    int r = ops_open_state(store_of(d), &db);

    if (r == 0)
        r = steady_now(db, &d->clock, ret_now);
    if (r == 0)
        r = bridges_find(db, d->settings.cli.bridge.name, ret);
    if (r == 0 && ret_gone)
        r = status_monitor_gone(store_of(d), db, d->settings.cli.bridge.name, ret_gone, n);
    db_close(db);
    return r;
}

void doctor_monitor(struct doctor *d, struct finding *f)
{
    struct bridge_row row = { 0 };
    char when[40];
    char gone[400] = "";
    struct now now;
    int r = read_row(d, &row, &now, gone, sizeof gone);

    if (heartbeat_find(status_alive_dir(&d->settings.cli.app), "monitor", &d->clock, NULL) == HEARTBEAT_DEAD)
        finding_set(f, FINDING_BAD, "start zapkeep-monitor", "the monitor is dead: it gives no sign of life");
    else if (gone[0])
        finding_set(f, FINDING_BAD, "start zapkeep-monitor, or look at its log", "%s", gone);
    else if (r < 0)
        finding_set(f, FINDING_SKIP, "", "the state cannot be read: the check \"state\" says why");
    else if (r == BRIDGES_NONE || row.swept_at == 0)
        finding_set(f, FINDING_BAD,
                    "start zapkeep-monitor, with this WHATSAPP_BRIDGE_NAME; its log says what it waits for",
                    "no monitor has seen the sessions of bridge \"%s\" yet", d->settings.cli.bridge.name);
    else if (now.steady_ms > row.fresh_until)
        finding_set(f, FINDING_BAD, "start zapkeep-monitor, or look at its log",
                    "the monitor saw the bridge's sessions last at %s",
                    text_time(row.swept_wall, when, sizeof when));
    else if (row.health == BRIDGE_HEALTH_DOWN || row.incident_since || row.outdated_since)
        finding_set(f, FINDING_WARN, row.outdated_since ? cause_find(405)->meaning : "",
                    "the monitor is at work and says: the bridge is %s%s%s", bridge_health_text(row.health),
                    row.incident_since ? ", has an incident" : "", row.outdated_since ? ", is outdated" : "");
    else
        finding_set(f, FINDING_OK, "", "the monitor saw the bridge's sessions at %s",
                    text_time(row.swept_wall, when, sizeof when));
}

void doctor_workers(struct doctor *d, struct finding *f)
{
    struct bridge_row row = { 0 };
    struct now now;
    int r = read_row(d, &row, &now, NULL, 0);
    /* Of this machine, also with a database: one that died there was to work. */
    enum heartbeat_state beat = heartbeat_find(dir_of(d), "reconnect-worker", &d->clock, NULL);

    if (r < 0)
        finding_set(f, FINDING_SKIP, "", "the state cannot be read: the check \"state\" says why");
    else if (r == BRIDGES_NONE || row.interval_ms == 0)
        finding_set(f, FINDING_BAD, "start zapkeep-reconnect: nobody brings dropped sessions back",
                    "no reconnect-worker has ever started for bridge \"%s\"", d->settings.cli.bridge.name);
    else if (beat == HEARTBEAT_DEAD)
        finding_set(f, FINDING_BAD, "start zapkeep-reconnect: nobody brings dropped sessions back",
                    "all reconnect-workers are dead: none gives a sign of life");
    else if (beat == HEARTBEAT_NONE && !*d->settings.cli.app.store)
        finding_set(f, FINDING_BAD, "start zapkeep-reconnect: nobody brings dropped sessions back",
                    "no reconnect-worker runs: the last one was stopped");
    else if (row.breaker.state != BREAKER_CLOSED)
        finding_set(f, FINDING_WARN, "the bridge fails reconnect calls: look at its log",
                    "the workers' breaker is %s", breaker_state_text(row.breaker.state));
    else
        finding_set(f, FINDING_OK, "", "a reconnect-worker has set its policy; the breaker is closed");
}
