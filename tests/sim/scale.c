/*
 * The cost of a great many sessions: time and memory per session of a sweep, of a drop and of an attempt, in the services
 * that ship, with a database in memory. Nothing goes wrong here but the drops.
 */
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "common/store/sql.h"
#include "tests/sim/sim.h"

/* One session of so many drops, spread so that it is no incident of the bridge. */
#define SCALE_DROP_EACH 10

/* Of this process, less the memory of the simulated bridge for its answers. */
static int64_t cpu_us(void)
{
    return (int64_t)clock() * 1000000 / CLOCKS_PER_SEC - bridge_took_us();
}

static int64_t resident_bytes(void)
{
    long long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");

    (void)malloc_trim(0);
    if (!f || fscanf(f, "%*s %lld", &pages) != 1)
        abort();
    (void)fclose(f);
    return pages * sysconf(_SC_PAGESIZE);
}

static void make(int n)
{
    sim.n_sessions = n;
    sim.sessions = calloc((size_t)n, sizeof *sim.sessions);
    if (!sim.sessions)
        abort();
    for (int i = 0; i < n; i++) {
        (void)snprintf(sim.sessions[i].id, sizeof sim.sessions[i].id, "s%d", i);
        sim.sessions[i].state = SESSION_CONNECTED;
        sim.sessions[i].connected_since = world_now();
    }
}

static void row(const char *what, int64_t us, int64_t n, const char *each)
{
    printf("  %-44s %9.1f s %9.1f us per %s\n", what, (double)us / 1e6, (double)us / (double)n, each);
    (void)fflush(stdout);
}

/* Runs @ms of simulated time and prints its cost. */
static int64_t run(int64_t ms)
{
    int64_t from = cpu_us();

    world_run(world_now() + ms);
    return cpu_us() - from;
}

static bool all_back(void)
{
    for (int i = 0; i < sim.n_sessions; i++)
        if (sim.sessions[i].state != SESSION_CONNECTED)
            return false;
    return true;
}

static int64_t count_attempts(void)
{
    int64_t n = 0;

    sim_must(sql_get_int(sim.db, "SELECT coalesce(max(token), 0) FROM attempt", &n, ""), "attempts");
    return n > 0 ? n : 1;
}

static void attempts(void)
{
    int64_t us = 0, began = world_now(), dropped = (sim.n_sessions + SCALE_DROP_EACH - 1) / SCALE_DROP_EACH;

    for (int i = 0; i < sim.n_sessions; i += SCALE_DROP_EACH)
        bridge_set(i, SESSION_DISCONNECTED);
    us = run(SIM_CHECK_MS + 5000);
    row("a sweep that finds one of ten dropped", us, dropped, "drop");
    for (int w = 0; w < sim.n_workers; w++)
        process_start(sim.workers[w]);
    us = 0;
    while (!world_failed() && !all_back())
        us += run(1000);
    row("attempts: claim, record, confirm, publish", us, count_attempts(), "attempt");
    printf("  %lld drops, %lld attempts, all back after %lld simulated s\n", (long long)dropped,
           (long long)count_attempts(), (long long)(world_now() - began) / 1000);
}

static void memory(int n)
{
    int64_t bytes = 0, full = resident_bytes();

    process_signal(sim.monitor, SIGTERM);
    (void)run(2000);
    printf("  %-44s %9lld bytes per session\n", "monitor's memory", (long long)(full - resident_bytes()) / n);
    sim_must(sql_get_int(sim.db, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
                         &bytes, ""),
             "page_count");
    printf("  %-44s %9lld bytes per session\n", "state.db", (long long)bytes / n);
}

int scale_main(int n)
{
    sim.policy.rate_milli = 50 * 1000; /* 25 times the default */
    sim.policy.burst = 50;
    sim.n_workers = SIM_WORKERS_MAX;
    sim.has_list = true;
    sim.unchecked = true;
    net_answers_unlimited = true; /* a list of a million is longer than any answer that is taken */
    make(n);
    bridge_open();
    services_make();
    printf("%d sessions, one bridge, a list call for all of them\n", n);
    process_start(sim.monitor);
    row("first sweep: every session is new", run(5000), n, "session");
    row("a sweep in which nothing changed", run(SIM_CHECK_MS), n, "session");
    memory(n);
    process_start(sim.monitor);
    row("a restart of the monitor, and its first sweep", run(5000), n, "session");
    (void)run(SIM_CHECK_MS);
    attempts();
    return world_failed();
}
