#include "services/cli/forward.h"
#include "common/base/json_out.h"
#include "common/base/mem.h"
#include "common/ops/forward_commands.h"
#include "common/ops/open_state.h"
#include "common/ops/status_forward.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "common/store/store.h"
#include "services/cli/audit.h"
#include "services/cli/event_range.h"
#include "services/cli/state.h"

/* How long a command waits for its result, and how often it looks: a test waits for a backend. */
#define RESULT_WAIT_MS INT64_C(20000)
#define POLL_NS        20000000L

int forward_cli_open(const struct cli_settings *settings, struct forward_cli *ret)
{
    struct forward_cli f = { .settings = settings };
    struct clock clock;
    int r = forward_open_reader(app_store(&settings->app), &f.db);

    clock_init(&clock);
    f.wall_ms = clock.wall_ms(&clock);
    if (r == -ENOENT && !store_is_server(app_store(&settings->app)))
        return cli_problem(EXIT_UNREACHABLE,
                           "there is no " FORWARD_DB_FILE
                           " in %s: no zapkeep-forward has run there; set BACKEND_URL"
                           " and start it, or set ZAPKEEP_DATA_DIR (--data-dir) to its folder",
                           settings->app.data_dir);
    if (r != 0)
        return cli_store_problem(app_store(&settings->app), FORWARD_DB_FILE, r);
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
    return cli_store_problem(app_store(&f->settings->app), FORWARD_DB_FILE, r);
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
                                          .bridge = s->cli.bridge_name,
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

static void print_result(bool failed, const char *result, bool json)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(2 * FORWARD_RESULT_MAX + 64);
    struct json_out j = JSON_OUT(&out);

    if (!json) {
        (void)fprintf(failed ? stderr : stdout, "%s%s\n", failed ? "zapkeep: " : "", result);
        return;
    }
    json_open(&j, NULL, '{');
    json_bool(&j, "done", !failed);
    json_texts(&j, "result", result);
    json_close(&j, '}');
    puts(buf_str(&out));
}

/* Waits for one result, and removes the row. Returns 0, 1: it was not taken in time, or negative. */
static int wait_for(struct db *state, int64_t n, int64_t until_us, bool *ret_failed,
                    char result[FORWARD_RESULT_MAX])
{
    const struct timespec pause = { .tv_nsec = POLL_NS };
    int r;

    while ((r = forward_command_result(state, n, ret_failed, result)) == FORWARD_NO_COMMAND) {
        if (clock_mono_us() > until_us)
            return 1;
        (void)nanosleep(&pause, NULL);
    }
    return r == 0 ? forward_command_remove(state, n) : r;
}

static int wait_for_all(const struct forward_cli *f, struct db *state, const int64_t *numbers, int n,
                        void (*print)(bool failed, const char *result, bool json))
{
    int64_t until_us = clock_mono_us() + RESULT_WAIT_MS * 1000;
    char result[FORWARD_RESULT_MAX];
    int code = EXIT_DONE;

    for (int i = 0; i < n; i++) {
        bool failed = false;
        int r = wait_for(state, numbers[i], until_us, &failed, result);

        if (r < 0)
            return cli_store_problem(app_store(&f->settings->app), STATE_DB_FILE, r);
        if (r > 0)
            return cli_problem(EXIT_NEGATIVE,
                               "zapkeep-forward did not take the command in time; it stays in the"
                               " store and will be taken");
        (print ? print : print_result)(failed, result, f->settings->json);
        code = failed ? EXIT_NEGATIVE : code;
    }
    return code;
}

static void audit(const struct forward_cli *f, const struct forward_command *c)
{
    static const char *const verbs[] = {
        [FORWARD_DEAD_RETRY] = "delivery.dead_retry",
        [FORWARD_DEAD_DROP] = "delivery.dead_drop",
        [FORWARD_ON] = "delivery.on",
        [FORWARD_OFF] = "delivery.off",
        [FORWARD_PAUSE] = "delivery.pause",
        [FORWARD_RESUME] = "delivery.resume",
        [FORWARD_RETRY] = "delivery.retry",
        [FORWARD_SKIP] = "delivery.skip",
        [FORWARD_TEST] = "delivery.test",
        [FORWARD_FORGET] = "delivery.forget",
    };
    const struct forward_dead_filter *of = &c->filter;

    cli_audit(f->settings, verbs[c->verb], "", of->session ? of->session : "", true,
              of->destination ? of->destination : "");
}

int forward_cli_command(const struct forward_cli *f, const struct forward_command *commands, int n,
                        void (*print)(bool failed, const char *result, bool json))
{
    int64_t numbers[SETTINGS_ARGS_MAX];
    bool runs = status_forward_runs(app_store(&f->settings->app));
    struct db *state = NULL;
    struct message m;
    int code;
    int r = ops_open_state(app_store(&f->settings->app), &state);

    if (r == 0)
        r = forward_commands_put(state, commands, n, f->wall_ms, numbers);
    if (r != 0) {
        db_close(state);
        return cli_store_problem(app_store(&f->settings->app), STATE_DB_FILE, r);
    }
    for (int i = 0; i < n; i++)
        audit(f, &commands[i]);
    message_init(&m);
    m.type = str_from(topic_type_text(TOPIC_FORWARD_COMMAND));
    cli_publish(f->settings->app.bus_in, f->wall_ms, &m);
    code = runs ? wait_for_all(f, state, numbers, n, print)
                : cli_problem(EXIT_NEGATIVE,
                              "zapkeep-forward does not run now; it takes the command when it is started");
    db_close(state);
    return code;
}

struct search {
    const char *name;
    bool found;
};

static int on_destination(void *ctx, const struct forward_destination *d)
{
    struct search *s = ctx;

    s->found = s->found || strcmp(d->name, s->name) == 0;
    return 0;
}

int forward_cli_check_destination(const struct forward_cli *f, const char *name)
{
    struct search s = { .name = name };
    int r = name[0] ? forward_destinations_each(f->db, on_destination, &s) : 0;

    if (r != 0)
        return forward_cli_problem(f, r);
    return s.found || !name[0]
               ? -1
               : cli_problem(EXIT_NEGATIVE, "there is no destination %s; `zapkeep forward status` lists them",
                             name);
}
