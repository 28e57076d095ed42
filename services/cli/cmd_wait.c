/*
 * zapkeep wait: until the stack does its work and the bridge is well, for scripts and for humans who just
 * started it.
 *
 * Three facts say so without asking any service: log.head comes over the bus (so the hub carries and
 * webhook-ingest can commit), state.db holds a fresh good sweep of the bridge (so the monitor runs and
 * the bridge answers), and no program that was started here is dead.
 */
#include <errno.h>
#include <stdio.h>

#include "common/app/heartbeat.h"
#include "common/base/json_out.h"
#include "common/base/mem.h"
#include "common/ops/open_state.h"
#include "common/ops/status.h"
#include "common/ops/status_roles.h"
#include "common/store/bridges.h"
#include "common/store/store.h"
#include "services/cli/cli.h"
#include "services/cli/commands.h"

/* state.db is looked at this often while waiting. */
#define LOOK_MS 250

struct wait_settings {
    struct cli_settings cli;
    int64_t timeout_ms;
};

static const struct setting wait_table[] = {
    { .name = "TIMEOUT",
      .kind = SETTING_DURATION,
      .at = offsetof(struct wait_settings, timeout_ms),
      .def = "50s",
      .min = 1,
      .max = 24LL * 3600 * 1000,
      .flag_only = true,
      .help = "give up after this" },
    { 0 },
};

struct wait {
    struct wait_settings settings;
    struct loop *loop;
    struct clock clock;
    struct bus_sub *sub;
    struct timer *look, *timeout;
    struct db *state;
    bool head_heard;
    char missing[256]; /* the obstacle on the bridge's side, "" when there is none */
    int code;
};

static void say_json(const struct wait *w, const char *missing)
{
    CLEANUP(buf_fini) struct buf line = BUF_INIT(4096);
    struct json_out j = JSON_OUT(&line);

    if (!w->settings.cli.json)
        return;
    json_open(&j, NULL, '{');
    json_bool(&j, "ready", w->code == EXIT_DONE);
    json_texts(&j, "missing", missing);
    json_close(&j, '}');
    puts(buf_str(&line));
}

static void finish_if_ready(struct wait *w)
{
    if (!w->head_heard || w->missing[0])
        return;
    w->code = EXIT_DONE;
    say_json(w, "");
    loop_stop(w->loop);
}

static void on_message(void *ctx, struct str message)
{
    struct wait *w = ctx;

    w->head_heard = true;
    finish_if_ready(w);
}

/* The obstacle on the side of the monitor and the bridge; "" when there is none. */
static void look_at_bridge(struct wait *w, const char *name, char *ret, size_t n)
{
    const char *store = app_store(&w->settings.cli.app);
    char display[STORE_DISPLAY_MAX];
    struct bridge_row row = { 0 };
    struct now now = { 0 };
    const char *dead = heartbeat_first_dead(status_alive_dir(&w->settings.cli.app), &w->clock);
    int r = w->state ? 0 : ops_open_state(store, &w->state);

    if (r == 0)
        r = bridges_find(w->state, name, &row);
    if (r == 0)
        r = steady_now(w->state, &w->clock, &now);
    if (r == -ENOENT)
        (void)snprintf(ret, n, "there is no %s in %s yet (is zapkeep-monitor running?)",
                       store_part(store, STATE_DB_FILE), store_display(store, display, sizeof display));
    else if (r < 0)
        (void)snprintf(ret, n, "%s in %s cannot be read: %s", store_part(store, STATE_DB_FILE),
                       store_display(store, display, sizeof display), err_text(r));
    else if (r == BRIDGES_NONE)
        (void)snprintf(ret, n, "no monitor has looked at the bridge \"%s\" yet", name);
    else if (row.health != BRIDGE_HEALTH_UP)
        (void)snprintf(ret, n, "the bridge \"%s\" is %s%s%s", name, bridge_health_text(row.health),
                       row.health_detail[0] ? ": " : "", row.health_detail);
    else if (now.steady_ms > row.fresh_until)
        (void)snprintf(ret, n, "the monitor has not seen the sessions of bridge \"%s\" lately", name);
    else if (dead)
        (void)snprintf(ret, n, "%s is dead: it was started, and gives no sign of life", dead);
    else if ((r = status_monitor_gone(store, w->state, name, ret, n)) < 0)
        (void)snprintf(ret, n, "the roles cannot be read: %s", err_text(r));
}

static void on_look(void *ctx)
{
    struct wait *w = ctx;

    const struct cli_settings *s = &w->settings.cli;
    int n = cli_is_about_all(s) ? s->config->n : 1;

    w->missing[0] = '\0';
    for (int i = 0; i < n && !w->missing[0]; i++)
        look_at_bridge(w, n > 1 ? s->config->at[i]->name : s->bridge.name, w->missing, sizeof w->missing);
    finish_if_ready(w);
    timer_start(w->look, LOOK_MS);
}

static void on_timeout(void *ctx)
{
    struct wait *w = ctx;
    const char *bus =
        w->head_heard ? "" : "no log.head on the bus (is zapkeep-hub running? is zapkeep-ingest?)";
    char missing[512];

    (void)snprintf(missing, sizeof missing, "%s%s%s", bus, *bus && w->missing[0] ? "; " : "", w->missing);
    w->code = cli_problem(EXIT_NEGATIVE, "not ready: %s", missing);
    say_json(w, missing);
    loop_stop(w->loop);
}

static int wait_ready(struct wait *w)
{
    static const char *const topics[] = { "log.head" };
    int r = loop_open(&w->loop);

    if (r == 0)
        r = bus_sub_open(w->loop, app_bus(&w->settings.cli.app), topics, 1, on_message, NULL, w, &w->sub);
    if (r == 0)
        r = timer_open(w->loop, on_look, w, &w->look);
    if (r == 0)
        r = timer_open(w->loop, on_timeout, w, &w->timeout);
    if (r == 0) {
        on_look(w);
        timer_start(w->timeout, w->settings.timeout_ms);
        r = loop_run(w->loop);
    }
    bus_sub_close(w->sub);
    timer_close(w->look);
    timer_close(w->timeout);
    db_close(w->state);
    (void)loop_close(w->loop);
    return r == 0 ? w->code : cli_problem(EXIT_UNREACHABLE, "cannot wait: %s", err_text(r));
}

int cmd_wait(int argc, char *argv[])
{
    struct wait w = { .missing = "?" };
    int code = cli_read(cli_command_of(cmd_wait), wait_table, argc, argv, &w.settings, NULL);

    if (code != EXIT_GO_ON)
        return code;
    clock_init(&w.clock);
    code = wait_ready(&w);
    cli_free(wait_table, &w.settings);
    return code;
}
