/*
 * What a great many sessions cost: time and memory per session of a sweep, of a drop and of an attempt, with
 * the real decisions and the real rows, in a database in memory. Nothing goes wrong here but the drops.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "common/store/sql.h"
#include "tests/sim/old/sim.h"

/* One session of so many drops, spread so that it is no incident of the bridge. */
#define SCALE_DROP_EACH 10

/* Of this process: what else the machine does is not in it. */
static int64_t cpu_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
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

static void make(struct sim *s, int n)
{
    s->n_sessions = n;
    s->sessions = calloc((size_t)n, sizeof *s->sessions);
    if (!s->sessions)
        abort();
    for (int i = 0; i < n; i++) {
        (void)snprintf(s->sessions[i].id, sizeof s->sessions[i].id, "s%d", i);
        s->sessions[i].state = SESSION_CONNECTED;
        s->sessions[i].connected_since = s->t;
    }
}

static void row(const char *what, int64_t us, int64_t n, const char *each)
{
    printf("  %-44s %9.1f s %9.1f us per %s\n", what, (double)us / 1e6, (double)us / (double)n, each);
}

/* Runs @ms of simulated time and says what that took. */
static int64_t run(struct sim *s, int64_t ms)
{
    int64_t from = cpu_us();

    sim_run(s, s->t + ms);
    return cpu_us() - from;
}

static bool all_back(const struct sim *s)
{
    for (int i = 0; i < s->n_sessions; i++)
        if (s->sessions[i].state != SESSION_CONNECTED)
            return false;
    return true;
}

static void attempts(struct sim *s)
{
    int64_t us = 0, began = s->t, dropped = (s->n_sessions + SCALE_DROP_EACH - 1) / SCALE_DROP_EACH;

    for (int i = 0; i < s->n_sessions; i += SCALE_DROP_EACH)
        bridge_set(s, i, SESSION_DISCONNECTED);
    us = run(s, s->rules.check_ms);
    row("a sweep that finds one of ten dropped", us, dropped, "drop");
    for (int w = 0; w < s->n_workers; w++)
        worker_start(s, w);
    us = 0;
    while (!s->failed && !all_back(s))
        us += run(s, 1000);
    row("attempts: claim, record, confirm, tell", us, s->n_claims, "attempt");
    printf("  %lld drops, %lld attempts, all back after %lld simulated s\n", (long long)dropped,
           (long long)s->n_claims, (long long)(s->t - began) / 1000);
}

int scale_main(struct sim *s, int n)
{
    int64_t rows = 0, book;

    s->policy.rate_milli = 50 * 1000; /* 25 times the default */
    s->policy.burst = 50;
    s->n_workers = SIM_WORKERS_MAX;
    s->calm_at = s->t;
    make(s, n);
    printf("%d sessions, one bridge, a list call for all of them\n", n);
    monitor_start(s);
    row("first sweep: every session is new", run(s, 1), n, "session");
    row("a sweep in which nothing changed", run(s, s->rules.check_ms), n, "session");
    book = resident_bytes();
    monitor_kill(s);
    printf("  %-44s %9lld bytes per session\n", "monitor's memory", (long long)(book - resident_bytes()) / n);
    sim_must(s,
             sql_get_int(s->db, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
                         &rows, ""),
             "page_count");
    printf("  %-44s %9lld bytes per session\n", "state.db", (long long)rows / n);
    monitor_start(s);
    row("a restart of the monitor, and its first sweep", run(s, 1), n, "session");
    (void)run(s, s->rules.check_ms);
    attempts(s);
    return s->failed;
}
