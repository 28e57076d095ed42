#include "services/cli/forward.h"

#include <errno.h>
#include <stdio.h>

#include "common/base/instance_lock.h"
#include "services/cli/event_range.h"
#include "services/cli/state.h"

int forward_cli_open(const struct cli_settings *settings, struct forward_cli *ret)
{
    struct forward_cli f = { .settings = settings };
    struct clock clock;
    int r = forward_open_reader(settings->app.data_dir, &f.db);

    clock_init(&clock);
    f.wall_ms = clock.wall_ms(&clock);
    if (r == -ENOENT)
        return cli_problem(EXIT_UNREACHABLE,
                           "there is no " FORWARD_DB_FILE
                           " in %s: no zapkeep-forward has run there; set BACKEND_URL"
                           " and start it, or set ZAPKEEP_DATA_DIR (--data-dir) to its folder",
                           settings->app.data_dir);
    if (r != 0)
        return cli_store_problem(settings->app.data_dir, FORWARD_DB_FILE, r);
    *ret = f;
    return EXIT_GO_ON;
}

void forward_cli_close(struct forward_cli *f)
{
    db_close(f->db);
    f->db = NULL;
}

int forward_cli_problem(const struct forward_cli *f, int r)
{
    return cli_store_problem(f->settings->app.data_dir, FORWARD_DB_FILE, r);
}

static int time_of(const struct forward_cli *f, const char *flag, const char *value, int64_t *ret)
{
    if (!value[0] || event_range_since_ms(value, f->wall_ms, ret) == 0)
        return EXIT_GO_ON;
    return cli_problem(EXIT_USAGE,
                       "%s is \"%s\"; it takes a duration as 10m or a time as 2026-11-22T10:04:35Z", flag,
                       value);
}

int forward_cli_filter(const struct forward_cli *f, const struct forward_cli_settings *s,
                       struct forward_dead_filter *ret)
{
    struct forward_dead_filter filter = { .destination = s->destination,
                                          .session = s->session,
                                          .type_prefix = s->type };
    int code = time_of(f, "--since", s->since, &filter.since_at);

    if (code == EXIT_GO_ON)
        code = time_of(f, "--until", s->until, &filter.until_at);
    if (code == EXIT_GO_ON)
        *ret = filter;
    return code;
}

int forward_cli_id(const char *arg, int64_t *ret)
{
    if (text_to_i64(arg, ret) == 0 && *ret > 0)
        return EXIT_GO_ON;
    return cli_problem(EXIT_USAGE, "\"%s\" is no ID of a dead letter; `zapkeep forward dead list` shows them",
                       arg);
}

static int put_all(struct db *state, const struct forward_command *commands, int n, int64_t wall_ms)
{
    int r = db_begin(state);

    for (int i = 0; r == 0 && i < n; i++)
        r = forward_command_put(state, &commands[i], wall_ms);
    if (r == 0)
        return db_commit(state);
    db_rollback(state);
    return r;
}

int forward_cli_command(const struct forward_cli *f, const struct forward_command *commands, int n)
{
    struct db *state = NULL;
    struct message m;
    int r = cli_open_state(f->settings->app.data_dir, &state);

    if (r == 0)
        r = put_all(state, commands, n, f->wall_ms);
    db_close(state);
    if (r != 0)
        return cli_store_problem(f->settings->app.data_dir, STATE_DB_FILE, r);
    message_init(&m);
    m.type = str_from(topic_type_text(TOPIC_FORWARD_COMMAND));
    cli_publish(f->settings->app.bus_in, f->wall_ms, &m);
    if (!forward_cli_runs(f->settings))
        (void)fprintf(stderr,
                      "zapkeep: zapkeep-forward does not run now; it takes the command when it is started\n");
    return EXIT_GO_ON;
}

bool forward_cli_runs(const struct cli_settings *settings)
{
    return instance_lock_is_taken(settings->app.data_dir, FORWARD_LOCK_FILE) == INSTANCE_LOCK_TAKEN;
}
