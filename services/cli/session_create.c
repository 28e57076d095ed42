/*
 * Where the driver says so, sessions are created one at a time and some time apart, over all of our processes, by a
 * lock file beside state.db.
 */
#include "services/cli/session_create.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/app/webhook_url.h"
#include "common/base/mem.h"
#include "common/base/own_file.h"
#include "common/bridge/subscription.h"
#include "common/ops/open_state.h"
#include "common/store/sessions.h"
#include "common/store/store.h"
#include "services/cli/audit.h"
#include "services/cli/which_bridge.h"

/* Between two tries to take the lock. */
#define CREATE_LOCK_MS 50
/* zapw waits up to 30 s for the first QR code before it answers. */
#define CREATE_TIMEOUT_MS (45 * 1000)

/* -- one at a time -- */

/* Holds the lock until close(), and lets the second since the last creation pass. -1: there is no data
 * directory to lock in; then only this process keeps to the rule. */
static int lock_creation(const struct session_create_settings *s, struct cli_bridge *b, struct clock *clock)
{
    int64_t apart_ms = b->driver->create_apart_ms, last, now;
    char file[128];
    int fd;

    if (!apart_ms)
        return -1;
    (void)snprintf(file, sizeof file, "create-%s.lock", s->cli->bridge.name);
    if (own_file_open(s->cli->app.data_dir, file, O_RDWR | O_CREAT, 0660, &fd) != 0)
        return -1;
    for (int tries = 0; flock(fd, LOCK_EX | LOCK_NB) != 0; tries++) {
        if (tries == 0)
            (void)fprintf(stderr, "zapkeep: another session is being created; waiting\n");
        (void)cli_bridge_sleep(b, CREATE_LOCK_MS); /* not in flock(): the loop's time would stand still */
    }
    now = clock->boot_ms(clock);
    if (pread(fd, &last, sizeof last, 0) == (ssize_t)sizeof last && last <= now && now - last < apart_ms)
        (void)cli_bridge_sleep(b, apart_ms - (now - last));
    return fd;
}

/* Leaves the time for the next one. */
static void unlock_creation(int fd, struct cli_bridge *b, struct clock *clock)
{
    int64_t now = clock->boot_ms(clock);

    if (fd < 0)
        return;
    if (pwrite(fd, &now, sizeof now, 0) != (ssize_t)sizeof now) /* a full disk: the lock alone must do */
        (void)cli_bridge_sleep(b, b->driver->create_apart_ms);
    (void)close(fd);
}

/* -- the call -- */

static int call(const struct session_create_settings *s, struct cli_bridge *b, const char *id,
                const char *phone, struct cli_reply *reply, struct bridge_created *ret)
{
    struct bridge_request req = BRIDGE_REQUEST_NULL;
    char url[SETTINGS_VALUE_MAX];
    const struct subscription_want hook = { .url = url, .tokens = s->token, .secrets = s->secret };
    int r;

    webhook_url(s->webhook_url, s->ingest_listen, &s->cli->bridge, url, sizeof url);
    r = bridge_build_create(b->driver, &b->target, id, &hook, phone, &req);
    if (r == 0)
        r = cli_bridge_call(b, &req, CREATE_TIMEOUT_MS, reply);
    if (r == 0)
        r = bridge_read_create(b->driver, &reply->answer, ret);
    if (r == 0)
        r = cli_bridge_go_on(b, BRIDGE_CREATE, ret->session.id[0] ? ret->session.id : id, &hook, 0,
                             CREATE_TIMEOUT_MS, reply);
    return r;
}

static int create(const struct session_create_settings *s, struct cli_bridge *b, struct clock *clock,
                  const char *id, const char *phone, struct bridge_created *ret)
{
    CLEANUP(cli_reply_fini) struct cli_reply reply = CLI_REPLY_NULL;
    int fd = lock_creation(s, b, clock);
    char name[SESSION_ARGUMENT_MAX];
    int r = call(s, b, id, phone, &reply, ret);

    unlock_creation(fd, b, clock);
    if (r == BRIDGE_CONFLICT)
        return cli_problem(EXIT_NEGATIVE,
                           "session %s exists already; `zapkeep session pair %s` shows its QR code", id,
                           session_argument(s->cli, s->cli->bridge.name, id, name));
    if (r)
        return cli_bridge_problem(b, "cannot create the session", r, &reply);
    if (ret->session.id[0] && strcmp(ret->session.id, id) != 0 && !b->driver->names_sessions)
        return cli_problem(
            EXIT_NEGATIVE,
            "the bridge created session %s instead of %s: it does not speak the dialect \"%s\"; delete "
            "that session and check WHATSAPP_BRIDGE",
            ret->session.id, id, b->driver->name);
    return EXIT_GO_ON;
}

/* -- our registry -- */

static int insert(struct db *db, struct clock *clock, const char *bridge, const char *id,
                  const struct bridge_session *s)
{
    struct session_row row;
    struct now now;
    int r = sessions_find(db, bridge, id, &row);

    if (r != SESSIONS_NONE) /* the monitor was faster, or an error */
        return r;
    r = steady_now(db, clock, &now);
    if (r)
        return r;
    row = (struct session_row){
        .state = s->state, .since = now.wall_ms, .since_steady = now.steady_ms, .first_seen = now.wall_ms
    };
    (void)snprintf(row.bridge, sizeof row.bridge, "%s", bridge);
    (void)snprintf(row.id, sizeof row.id, "%s", id);
    (void)snprintf(row.raw_status, sizeof row.raw_status, "%s", s->raw_status);
    r = sessions_save(db, &row);
    if (r == 0) {
        const struct session_change change = { .at = now.wall_ms,
                                               .from = -1,
                                               .to = (int)s->state,
                                               .source = "operator",
                                               .detail = "created by zapkeep session create" };

        r = sessions_add_change(db, bridge, id, &change);
    }
    return r;
}

static void record(const struct session_create_settings *s, struct clock *clock, const char *id,
                   const struct bridge_session *session)
{
    const char *store = app_store(&s->cli->app);
    char problem[512];
    struct db *db = NULL;
    int r = ops_open_state(store, &db);

    if (r == 0)
        r = db_begin(db);
    if (r == 0)
        r = insert(db, clock, s->cli->bridge.name, id, session);
    if (r == 0)
        r = db_commit(db);
    db_close(db);
    if (r == -ENOENT && !store_is_server(store))
        (void)cli_problem(
            EXIT_UNREACHABLE,
            "the session was created, but could not be written into %s/%s (zapkeep has not been "
            "started there); the monitor finds it if the bridge lists its sessions",
            store, STATE_DB_FILE);
    else if (r)
        (void)cli_problem(EXIT_UNREACHABLE,
                          "the session was created, but could not be written down (%s); the monitor finds it "
                          "if the bridge lists its sessions",
                          db_problem(store, STATE_DB_FILE, r, problem, sizeof problem));
}

int session_create(const struct session_create_settings *s, struct cli_bridge *b, const char *id,
                   const char *phone, struct bridge_created *ret)
{
    struct clock clock;
    int code;

    clock_init(&clock);
    code = create(s, b, &clock, id, phone, ret);
    if (code == EXIT_GO_ON) {
        const char *made = ret->session.id[0] ? ret->session.id : id;

        record(s, &clock, made, &ret->session);
        cli_audit(s->cli, "session.create", s->cli->bridge.name, made, true, "");
    }
    return code;
}
