/* Settings, the tick, traffic, opening and closing. */
#include "tests/bridge-sim/sim.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"

#define TICK_MS 5
/* What a tick makes at the most, so that answers get their turn. */
#define TICK_MESSAGES_MAX 2000

#define AT(field) offsetof(struct sim_settings, field)
#define MINUTE    60000

static const struct setting sim_table[] = {
    {.name = "HOST",                           .at = AT(host), .def = "127.0.0.1", .help = "address to listen on" },
    { .name = "PORT",
     .kind = SETTING_INT,
     .at = AT(port),
     .def = "3000",
     .max = 65535,
     .help = "the bridge's API; 0: any" },
    { .name = "CONTROL_PORT",
     .kind = SETTING_INT,
     .at = AT(control_port),
     .def = "3001",
     .max = 65535,
     .help = "orders for tests; 0: any" },
    { .name = "DIALECT",
     .kind = SETTING_CHOICE,
     .at = AT(dialect),
     .def = "zapw",
     .choices = "zapw contract",
     .help = "what it speaks" },
    { .name = "LIST",
     .kind = SETTING_BOOL,
     .at = AT(list),
     .def = "true",
     .help = "contract: GET /sessions exists" },
    { .name = "API_KEY",       .at = AT(api_key), .secret = true, .help = "what callers have to present" },
    { .name = "WEBHOOK_URL",
     .kind = SETTING_URL,
     .at = AT(webhook_url),
     .help = "where webhooks go; unset: nowhere" },
    { .name = "WEBHOOK_AUTH_TOKEN",
     .at = AT(webhook_token),
     .secret = true,
     .help = "contract: sent as Authorization: Bearer" },
    { .name = "SESSIONS",
     .kind = SETTING_INT,
     .at = AT(sessions),
     .def = "0",
     .max = 1000000,
     .help = "connected sessions demo-1 … at start" },
    { .name = "RATE",
     .kind = SETTING_RATE,
     .at = AT(rate_milli),
     .def = "0",
     .max = 1000000000,
     .help = "messages over all sessions" },
    { .name = "BODY_BYTES",
     .kind = SETTING_BYTES,
     .at = AT(body_bytes),
     .def = "400",
     .max = 2 << 20,
     .help = "size of a message's webhook" },
    { .name = "DROP_EVERY",
     .kind = SETTING_DURATION,
     .at = AT(drop_every_ms),
     .def = "0",
     .max = 24LL * 60 * MINUTE,
     .help = "drop a session this often; 0: never" },
    { .name = "QR_DELAY",
     .kind = SETTING_DURATION,
     .at = AT(qr_ms),
     .def = "100ms",
     .max = 10LL * MINUTE,
     .help = "until a new session has its QR code" },
    { .name = "PAIR_DELAY",
     .kind = SETTING_DURATION,
     .at = AT(pair_ms),
     .def = "0",
     .max = 60LL * MINUTE,
     .help = "until somebody scans it; 0: nobody does" },
    { .name = "RECONNECT_DELAY",
     .kind = SETTING_DURATION,
     .at = AT(reconnect_ms),
     .def = "500ms",
     .max = 60LL * MINUTE,
     .help = "contract: until a reconnected session is back" },
    { .name = "RESTART_DELAY",
     .kind = SETTING_DURATION,
     .at = AT(restart_ms),
     .def = "500ms",
     .max = 60LL * MINUTE,
     .help = "until the sessions are back after a restart" },
    { .name = "CONNECTIONS",
     .kind = SETTING_INT,
     .at = AT(connections),
     .def = "16",
     .min = 1,
     .max = 1024,
     .help = "webhooks under way at once" },
    { .name = "WEBHOOK_RETRY_ATTEMPTS",
     .kind = SETTING_INT,
     .at = AT(retries),
     .def = "3",
     .max = 1000000,
     .help = "tries of one webhook; 0: until it is taken" },
    { 0                                      },
};

static const struct setting *const tables[] = { app_settings_table, sim_table, NULL };

int64_t sim_wall(struct sim *s)
{
    struct clock *c = app_clock(s->app);

    return c->wall_ms(c);
}

/* ---- the tick --------------------------------------------------------------------------------------------
 */

static struct sim_session *next_connected(struct sim *s)
{
    for (int i = 0; i < s->n_sessions; i++) {
        struct sim_session *x = &s->sessions[s->traffic_at++ % s->n_sessions];

        if (x->status == SIM_CONNECTED)
            return x;
    }
    return NULL;
}

static void make_traffic(struct sim *s, int64_t ms)
{
    struct sim_session *x;

    s->traffic_debt_micro += s->settings.rate_milli * ms;
    for (int n = 0; s->traffic_debt_micro >= 1000000 && n < TICK_MESSAGES_MAX; n++) {
        s->traffic_debt_micro -= 1000000;
        x = next_connected(s);
        if (x)
            hook_message(s, x);
    }
}

static void drop_one(struct sim *s, int64_t now)
{
    struct sim_session *x;

    if (s->settings.drop_every_ms == 0 || now < s->drop_at)
        return;
    s->drop_at = now + s->settings.drop_every_ms;
    x = next_connected(s);
    if (x)
        session_drop(s, x, 428);
}

static void on_tick(void *ctx)
{
    struct sim *s = ctx;
    int64_t now = loop_now_ms(app_loop(s->app));

    session_tick(s, now);
    make_traffic(s, now - s->last_tick_ms);
    drop_one(s, now);
    sender_tick(s->sender, now);
    s->last_tick_ms = now;
    timer_start(s->tick, TICK_MS);
}

/* ---- open and close --------------------------------------------------------------------------------------
 */

int sim_listen(struct sim *s)
{
    int r = s->api ? 0
                   : http_server_open(app_loop(s->app), s->settings.host, (uint16_t)s->settings.port, -1,
                                      &http_limits_default, &api_handlers, s, &s->api);

    if (r == 0)
        s->settings.port = http_server_port(s->api); /* the same again, when any was asked for */
    return r;
}

void sim_refuse(struct sim *s)
{
    fault_forget(s->fault);
    for (int i = 0; i < s->n_sessions; i++)
        s->sessions[i].creating = NULL;
    http_server_close(s->api);
    s->api = NULL;
}

static int cannot_listen(const struct sim *s, const char *name, int64_t port, int r)
{
    (void)fprintf(stderr, "zapkeep-bridge-sim: cannot listen on %s %s:%lld: %s\n", name, s->settings.host,
                  (long long)port, err_text(r));
    return APP_EXIT(EXIT_UNREACHABLE);
}

static int open_ports(struct sim *s)
{
    int r = sim_listen(s);

    if (r != 0)
        return cannot_listen(s, "PORT", s->settings.port, r);
    r = http_server_open(app_loop(s->app), s->settings.host, (uint16_t)s->settings.control_port, -1,
                         &http_limits_default, &control_handlers, s, &s->control);
    if (r != 0)
        return cannot_listen(s, "CONTROL_PORT", s->settings.control_port, r);
    return 0;
}

static int start_sessions(struct sim *s)
{
    struct sim_session *x;
    char id[65];
    int r = 0;

    for (int64_t i = 1; i <= s->settings.sessions && r == 0; i++) {
        (void)snprintf(id, sizeof id, "demo-%lld", (long long)i);
        r = session_add(s, id, &x);
        if (r == 0)
            session_connect(s, x);
    }
    return r;
}

static int open_parts(struct sim *s)
{
    int r = fault_open(s, &s->fault);

    s->calls = mem_zalloc(sizeof *s->calls * SIM_CALLS_MAX);
    if (r == 0 && !s->calls)
        r = -ENOMEM;
    if (r == 0)
        r = sender_open(s, &s->sender);
    if (r == -EHOSTUNREACH) {
        (void)fprintf(stderr, "zapkeep-bridge-sim: the host of WEBHOOK_URL is unknown\n");
        return APP_EXIT(EXIT_UNREACHABLE);
    }
    if (r == 0)
        r = open_ports(s);
    if (r == 0)
        r = timer_open(app_loop(s->app), on_tick, s, &s->tick);
    if (r == 0)
        r = start_sessions(s);
    return r;
}

int sim_open(struct sim *s, int argc, char *argv[])
{
    static struct app_spec spec = { .service = "bridge-sim",
                                    .program = "zapkeep-bridge-sim",
                                    .what = "a simulated WhatsApp bridge, for demonstrations and tests only",
                                    .tables = tables,
                                    .no_publisher = true };
    int r;

    spec.settings = &s->settings;
    r = app_open(&spec, argc, argv, &s->app);
    if (r != 0)
        return r;
    s->dialect = strcmp(s->settings.dialect, "zapw") == 0 ? SIM_ZAPW : SIM_CONTRACT;
    s->last_tick_ms = loop_now_ms(app_loop(s->app));
    s->drop_at = s->last_tick_ms + s->settings.drop_every_ms;
    r = open_parts(s);
    if (r != 0)
        return r;
    timer_start(s->tick, TICK_MS);
    log_info("sim-open", "the simulated bridge answers", KS("dialect", s->settings.dialect),
             KI("port", s->settings.port), KI("control_port", http_server_port(s->control)),
             KI("sessions", s->n_sessions));
    return 0;
}

void sim_close(struct sim *s)
{
    timer_close(s->tick);
    if (s->fault)
        fault_forget(s->fault);
    http_server_close(s->api);
    http_server_close(s->control);
    fault_close(s->fault);
    sender_close(s->sender);
    mem_free(s->sessions);
    mem_free(s->index);
    mem_free(s->calls);
    mem_free(s->acknowledged);
}
