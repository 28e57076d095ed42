/* The programs, started as their main() starts them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/forwarder/forwarder.h"
#include "services/monitor/monitor.h"
#include "services/reconnect-worker/startup.h"
#include "services/webhook-ingest/ingest.h"
#include "tests/sim/sim.h"

#define FLAGS_MAX 32

/* A program's arguments. */
struct flags {
    char text[FLAGS_MAX][320];
    char *argv[FLAGS_MAX + 1];
    int argc;
};

static const char *const worker_names[SIM_WORKERS_MAX] = { "worker-0", "worker-1", "worker-2", "worker-3" };

__attribute__((format(printf, 2, 3))) static void add(struct flags *f, const char *fmt, ...)
{
    va_list ap;

    if (f->argc == FLAGS_MAX)
        abort();
    va_start(ap, fmt);
    (void)vsnprintf(f->text[f->argc], sizeof f->text[0], fmt, ap);
    va_end(ap);
    f->argv[f->argc] = f->text[f->argc];
    f->argc++;
}

static struct flags *common_flags(const char *program)
{
    struct flags *f = calloc(1, sizeof *f);

    if (!f)
        abort();
    add(f, "%s", program);
    add(f, "--data-dir=%s", sim.dir);
    if (sim.store)
        add(f, "--store=%s", sim.store);
    return f;
}

static void add_bridge(struct flags *f)
{
    if (neighbours_n() > 0) {
        add(f, "--bridges=%s/bridges.conf", sim.dir);
        return;
    }
    add(f, "--whatsapp-api-url=http://bridge.sim");
    add(f, "--whatsapp-bridge=%s", sim.driver ? sim.driver : "contract");
    if (sim.key)
        add(f, "--whatsapp-api-key=%s", sim.key);
}

static void add_policy(struct flags *f)
{
    const struct policy *p = &sim.policy;

    add(f, "--reconnect-interval=%llds", (long long)p->interval_ms / 1000);
    add(f, "--reconnect-replaced-delay=%llds", (long long)p->replaced_delay_ms / 1000);
    add(f, "--reconnect-rate=%.3f/s", (double)p->rate_milli / 1000);
    add(f, "--reconnect-burst=%lld", (long long)p->burst);
    add(f, "--reconnect-in-flight=%lld", (long long)p->in_flight_max);
    add(f, "--reconnect-failures=%lld", (long long)p->failures_max);
    add(f, "--reconnect-stable=%llds", (long long)p->stable_ms / 1000);
    add(f, "--admin-listen=off");
}

/* A program's start, on the world's clock. */
static const struct app_start *start_of(struct flags *f)
{
    struct app_start *s = calloc(1, sizeof *s);
    struct clock *clock = calloc(1, sizeof *clock);
    struct rng *rng = calloc(1, sizeof *rng);

    if (!s || !clock || !rng)
        abort();
    sim_clock(clock);
    rng_init(rng, world_rand64());
    *s = (struct app_start){ .argc = f->argc, .argv = f->argv, .clock = clock, .rng = rng };
    return s;
}

/* ---- the programs ---------------------------------------------------------------------------- */

static int run_monitor(struct process *p, void *ctx)
{
    struct flags *f = common_flags("zapkeep-monitor");
    struct monitor *m = NULL;
    int r;

    add_bridge(f);
    add_policy(f);
    add(f, "--removed-after=%dms", SIM_REMOVED_MS);
    /* The flags live as long as the process. NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
    r = monitor_open(start_of(f), &m);
    if (r == 0)
        r = app_run(monitor_app(m));
    return monitor_close(m, r);
}

static int run_worker(struct process *p, void *ctx)
{
    struct flags *f = common_flags("zapkeep-reconnect");
    struct worker *w = calloc(1, sizeof *w);
    int r;

    add_bridge(f);
    add_policy(f);
    add(f, "--worker-name=%s", process_name(p));
    if (!w)
        abort();
    *w = WORKER_NULL;
    /* The flags live as long as the process. NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
    r = worker_open(w, start_of(f));
    if (r == 0)
        r = app_run(w->app);
    worker_close(w);
    return app_close(w->app, r);
}

static int run_ingest(struct process *p, void *ctx)
{
    struct flags *f = common_flags("zapkeep-ingest");
    struct ingest *in = calloc(1, sizeof *in);
    int r;

    add(f, "--webhook-auth-token=token");
    add(f, "--ingest-listen=127.0.0.1:%d", SIM_INGEST_PORT);
    add_bridge(f);
    if (!in)
        abort();
    *in = INGEST_NULL;
    /* The flags live as long as the process. NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
    r = ingest_open(in, start_of(f));
    if (r == 0)
        r = app_run(in->app);
    ingest_close(in);
    return app_close(in->app, r);
}

static int run_forwarder(struct process *p, void *ctx)
{
    struct flags *f = common_flags("zapkeep-forward");
    struct forwarder *fw = NULL;
    int r;

    add(f, "--backend-url=http://backend.sim/hook");
    add(f, "--forward-retry-schedule=0s,1s,5s,20s,60s");
    add(f, "--admin-listen=off");
    /* The flags live as long as the process. NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
    r = forwarder_open(start_of(f), &fw);
    if (r == 0)
        r = forwarder_run(fw);
    return forwarder_close(fw, r);
}

/* The settings are ours: a program that does not take them is a mistake of the simulation. */
static void on_exit_code(void *ctx, int code)
{
    if (code == EXIT_USAGE)
        world_fail("%s does not take its settings: -v shows why", process_name(ctx));
}

static struct process *make(const char *name, int (*run)(struct process *p, void *ctx))
{
    struct process *p = process_new(name, run, NULL);

    process_on_exit(p, on_exit_code, p);
    return p;
}

/* ---- all of them ----------------------------------------------------------------------------- */

void services_make(void)
{
    sim.monitor = make("monitor", run_monitor);
    sim.ingest = make("ingest", run_ingest);
    sim.forwarder = make("forwarder", run_forwarder);
    for (int w = 0; w < sim.n_workers; w++)
        sim.workers[w] = make(worker_names[w], run_worker);
    if (!sim.store)
        return;
    sim.second[SIM_SECOND_MONITOR] = make("monitor-2", run_monitor);
    sim.second[SIM_SECOND_FORWARDER] = make("forwarder-2", run_forwarder);
}

void services_start_all(void)
{
    process_start(sim.ingest);
    process_start(sim.monitor);
    process_start(sim.forwarder);
    for (int w = 0; w < sim.n_workers; w++)
        process_start(sim.workers[w]);
    for (int i = 0; i < SIM_SECOND_N && sim.second[i]; i++)
        process_start(sim.second[i]);
}

void services_kill_all(void)
{
    process_kill(sim.ingest);
    process_kill(sim.monitor);
    process_kill(sim.forwarder);
    for (int w = 0; w < sim.n_workers; w++)
        process_kill(sim.workers[w]);
    for (int i = 0; i < SIM_SECOND_N && sim.second[i]; i++)
        process_kill(sim.second[i]);
}

static void let_live(struct process *p)
{
    process_die_after(p, -1);
    process_stall_after(p, -1, 0);
}

void services_let_live(void)
{
    let_live(sim.ingest);
    let_live(sim.monitor);
    let_live(sim.forwarder);
    for (int w = 0; w < sim.n_workers; w++)
        let_live(sim.workers[w]);
    for (int i = 0; i < SIM_SECOND_N && sim.second[i]; i++)
        let_live(sim.second[i]);
}

bool services_is_forwarder(const struct process *p)
{
    return p == sim.forwarder || p == sim.second[SIM_SECOND_FORWARDER];
}

int services_worker(const char *name)
{
    for (int w = 0; w < sim.n_workers; w++)
        if (strcmp(name, worker_names[w]) == 0)
            return w;
    return -1;
}
