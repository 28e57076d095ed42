#include "services/cli/state.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/ops/open_state.h"
#include "proto/message.h"

/* A hub on the same machine is reached in a few ms; a command does not wait for one that is away. */
#define RING_WAIT_MS 300
#define RING_STEP_MS 5

int cli_state_open(const struct cli_settings *settings, struct cli_state *ret)
{
    struct cli_state s = { .settings = settings };
    struct bridge_row row = { 0 };
    int r = ops_open_state(app_store(&settings->app), &s.db);

    clock_init(&s.clock);
    if (r == 0)
        r = steady_now(s.db, &s.clock, &s.now);
    if (r == 0)
        r = bridges_find(s.db, settings->bridge.name, &row);
    if (r < 0) {
        db_close(s.db);
        return cli_store_problem(app_store(&settings->app), STATE_DB_FILE, r);
    }
    s.policy = reconnect_policy_of(&row);
    str_copy(str_from(row.no_reconnect_method), s.no_reconnect_method, sizeof s.no_reconnect_method);
    *ret = s;
    return EXIT_GO_ON;
}

void cli_state_close(struct cli_state *s)
{
    db_close(s->db);
    s->db = NULL;
}

int cli_state_problem(const struct cli_state *s, int r)
{
    return cli_store_problem(app_store(&s->settings->app), STATE_DB_FILE, r);
}

int cli_no_session(const struct cli_state *s, const char *id)
{
    return cli_problem(EXIT_NEGATIVE, "there is no session %s on bridge %s; `zapkeep sessions` lists them",
                       id, s->settings->bridge.name);
}

int cli_one_session(const struct settings_args *args, const char *command, const char **ret)
{
    if (args->n != 1 || !session_id_is_valid(str_from(args->arg[0])))
        return cli_problem(EXIT_USAGE, "%s takes one ID, as `zapkeep sessions` lists it", command);
    *ret = args->arg[0];
    return EXIT_GO_ON;
}

const char *cli_why(const struct cli_state *s, enum why why)
{
    return why_is_of_method(why) && s->no_reconnect_method[0] ? s->no_reconnect_method : why_message(why);
}

const char *cli_ago(const struct cli_state *s, int64_t wall_ms, char *ret, size_t n)
{
    int64_t age_ms = s->now.wall_ms - wall_ms;

    if (wall_ms > 0)
        return text_age(age_ms, ret, n);
    (void)snprintf(ret, n, "-");
    return ret;
}

int64_t cli_wall(const struct cli_state *s, int64_t steady_ms)
{
    return s->now.wall_ms + steady_ms - s->now.steady_ms;
}

void cli_publish(const char *bus_in, int64_t wall_ms, struct message *m)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(4096);
    struct bus_pub *pub = NULL;
    char id[48];

    (void)snprintf(id, sizeof id, "msg_%llx_%d", (unsigned long long)wall_ms, (int)getpid());
    m->id = str_from(id);
    m->at = wall_ms;
    m->src = STR_LIT("cli");
    if (message_encode(m, &out) != 0 || bus_pub_open(bus_in, &pub) != 0)
        return;
    for (int waited_ms = 0; waited_ms < RING_WAIT_MS && !bus_pub_connected(pub); waited_ms += RING_STEP_MS)
        (void)usleep(RING_STEP_MS * 1000);
    (void)bus_pub_send(pub, (struct str){ out.data, out.len });
    bus_pub_close(pub);
}

void cli_publish_due(const struct cli_state *s, const char *session)
{
    struct message m;

    message_init(&m);
    m.type = str_from(topic_type_text(TOPIC_RECONNECT_DUE));
    m.bridge = str_from(s->settings->bridge.name);
    m.session = str_from(session);
    m.due_at = s->now.wall_ms;
    cli_publish(s->settings->app.bus_in, s->now.wall_ms, &m);
}
