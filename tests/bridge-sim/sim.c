/* The tick, opening and closing. */
#include "tests/bridge-sim/sim.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"

#define TICK_MS 5
/* Longest body that is made: the largest an ingest has to take, and as much again for tests of its limit. */
#define BODY_MAX (2 * 1024 * 1024 + 4096)
/* Node closes a kept-alive connection that is idle this long. */
#define IDLE_MS 5000

int64_t sim_wall(struct sim *s)
{
    struct clock *c = app_clock(s->app);

    return c->wall_ms(c);
}

int64_t sim_now(struct sim *s)
{
    return loop_now_ms(app_loop(s->app));
}

/* ---- the ports ------------------------------------------------------------------------------- */

int sim_listen(struct sim *s)
{
    struct http_limits limits = http_limits_default;
    int r = 0;

    limits.idle_ms = IDLE_MS;
    if (!s->api)
        r = http_server_open(app_loop(s->app), s->settings.host, (uint16_t)s->settings.port, -1, &limits,
                             &api_handlers, s, &s->api);
    if (r != 0)
        return r;
    s->settings.port = http_server_port(s->api); /* the same again, when any was asked for */
    s->refusing = false;
    s->listen_at = 0;
    return 0;
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

/* ---- the tick -------------------------------------------------------------------------------- */

static void on_tick(void *ctx)
{
    struct sim *s = ctx;
    int64_t now = sim_now(s);

    if (s->listen_at != 0 && now >= s->listen_at && !s->refusing)
        (void)sim_listen(s); /* somebody else may have the port for a moment: the next tick tries again */
    whatsapp_tick(s, now);
    traffic_tick(s, now);
    sender_tick(s->sender, now);
    s->last_tick_ms = now;
    timer_start(s->tick, TICK_MS);
}

/* ---- open and close -------------------------------------------------------------------------- */

static int start_sessions(struct sim *s)
{
    struct sim_session *x;
    char id[65];
    int r = 0;

    for (int64_t i = 1; i <= s->settings.sessions && r == 0; i++) {
        (void)snprintf(id, sizeof id, "%s%lld", s->settings.prefix, (long long)i);
        r = session_adopt(s, id, &x);
        if (r == 0)
            whatsapp_connect(s, x);
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
    if (r == 0)
        r = open_ports(s);
    if (r == 0)
        r = timer_open(app_loop(s->app), on_tick, s, &s->tick);
    if (r == 0)
        r = start_sessions(s);
    return r;
}

/* Checks that the table of settings cannot express. */
static int read_settings(struct sim *s)
{
    const struct sim_settings *o = &s->settings;

    s->dialect = dialect_find(o->dialect);
    s->traffic_types = event_bits(o->types) & ((1U << EVENT_MESSAGES) - 1);
    if (o->seed)
        rng_init(&s->rng, (uint64_t)o->seed);
    else
        rng_init_random(&s->rng);
    if (s->traffic_types != 0)
        return 0;
    (void)fprintf(stderr, "zapkeep-bridge-sim: TYPES=%s: allowed are received,group,sent,delivered,read\n",
                  o->types);
    return APP_EXIT(EXIT_USAGE);
}

static const struct app_spec sim_spec = {
    .service = "bridge-sim",
    .program = "zapkeep-bridge-sim",
    .what = "a simulated WhatsApp bridge, for demonstrations and tests only",
    .table = sim_settings_table,
    .no_publisher = true,
};

int sim_open(struct sim *s, int argc, char *argv[])
{
    int r = app_open(&sim_spec, APP_START(argc, argv), &s->settings, &s->app);

    if (r != 0)
        return r;
    buf_init(&s->body, BODY_MAX);
    s->started_ms = s->last_tick_ms = sim_now(s);
    s->drop_at = s->last_tick_ms + s->settings.drop_every_ms;
    r = read_settings(s);
    if (r == 0)
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
    sessions_free(s);
    mem_free(s->calls);
    buf_fini(&s->body);
}
