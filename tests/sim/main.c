/*
 * zk-sim: runs seeds until one breaks a guarantee.
 *
 *   zk-sim [--from N] [--seeds N] [--jobs N] [--all]   N seeds from N on (1,000 from 0), each in a process of its own
 *                                              --world: with flappers, lying lists, foreign clocks, spools, unknown
 *                                              words, sessions that are removed at the bridge; T1 and T2 are held, too
 *                                              --all: goes on after a seed that breaks one
 *                                              --store URI: with the store in a PostgreSQL server, in databases of its own
 *                                              (tests/postgres/server.py gives a server)
 *   zk-sim --month [--days N]                  30 days of a fleet of 1,000 sessions: its alerts a day, and the share of
 *                                              them that a person could act upon
 *   zk-sim --scale N                           the cost of N sessions: time and memory
 *   zk-sim --seed N [-v | -vv]                 this one again, exactly; -v prints every step, -vv every call
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/sim/io/postgres_sim.h"
#include "tests/sim/sim.h"

#define JOBS_MAX 64

static void remove_dir(const char *dir)
{
    DIR *d = opendir(dir);
    const struct dirent *e;
    char path[512];

    while (d && (e = readdir(d))) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        if (e->d_name[0] != '.' && unlink(path) != 0)
            remove_dir(path); /* the signs of life have a folder of their own */
    }
    if (d)
        (void)closedir(d);
    (void)rmdir(dir);
}

/* A folder in memory where there is one. */
static void dir_of(int64_t seed, int pid, char *ret, size_t n)
{
    const char *tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

    (void)snprintf(ret, n, "%s/zk-sim-%d-%lld", tmp, pid, (long long)seed);
}

static bool the_world;
static int64_t the_days;
static bool on_server; /* --store */

static int run_seed(int64_t seed)
{
    struct sim_options o = { .seed = (uint64_t)seed, .world = the_world, .days = the_days };

    if (sim_open(&o) != 0)
        abort();
    if (o.days > 0)
        month_plan(o.days);
    else
        chaos_plan();
    bridge_open();
    neighbours_open();
    backend_open();
    services_make();
    if (o.days == 0) {
        observe_open();
        check_start();
    }
    services_start_all();
    world_run(sim.end_at);
    if (o.days > 0)
        return month_report(o.days) || world_failed();
    if (!world_failed())
        check_end();
    if (world_verbose)
        printf("%lld attempts\n", (long long)sim.n_attempts);
    return world_failed();
}

/* Each seed has the whole program for itself: the leftovers of a killed service go with it. */
static pid_t start_seed(int64_t seed)
{
    pid_t pid;
    int failed;

    (void)fflush(stdout);
    pid = fork();
    if (pid != 0)
        return pid;
    dir_of(seed, getppid(), sim.dir, sizeof sim.dir);
    if (on_server) {
        static char uri[POSTGRES_SIM_URI_MAX];

        postgres_sim_open(seed, getppid(), uri);
        sim.store = uri;
    }
    if (!world_verbose && !freopen("/dev/null", "w", stderr))
        abort();
    failed = run_seed(seed);
    (void)fflush(stdout);
    _exit(failed);
}

struct job {
    pid_t pid;
    int64_t seed;
};

/* Waits for one of the jobs; returns its index. *ret_bad: it broke a guarantee, or crashed. */
static int wait_for_one(struct job *jobs, int n, bool *ret_bad)
{
    char dir[128];
    int status = 0;
    pid_t pid = wait(&status);

    for (int i = 0; i < n; i++) {
        if (jobs[i].pid != pid)
            continue;
        dir_of(jobs[i].seed, getpid(), dir, sizeof dir);
        remove_dir(dir);
        if (on_server)
            postgres_sim_drop(jobs[i].seed, getpid());
        *ret_bad = !WIFEXITED(status) || WEXITSTATUS(status) != 0;
        if (WIFSIGNALED(status))
            printf("BROKEN seed %lld: ended by signal %d\n", (long long)jobs[i].seed, WTERMSIG(status));
        return i;
    }
    return 0;
}

static int run_seeds(int64_t from, int64_t seeds, int n_jobs, bool keep_going)
{
    struct job jobs[JOBS_MAX] = { 0 };
    int64_t next = from;
    int running = 0, failed = 0;

    while ((next < from + seeds && (!failed || keep_going)) || running > 0) {
        bool bad = false;
        int i;

        if (next < from + seeds && (!failed || keep_going) && running < n_jobs) {
            jobs[running++] = (struct job){ start_seed(next), next };
            next++;
            continue;
        }
        i = wait_for_one(jobs, running, &bad);
        if (bad)
            printf("again, step by step: zk-sim --seed %lld -v\n", (long long)jobs[i].seed);
        failed += bad;
        jobs[i] = jobs[--running];
    }
    if (!failed && the_days == 0)
        printf("%lld seeds: R1 to R6, E1, E2%s hold\n", (long long)seeds,
               the_world ? ", F1, T1 and T2" : " and F1");
    return failed > 0;
}

static int run_scale(int sessions)
{
    const struct sim_options o = { .seed = 1 };
    int r;

    (void)clearenv();
    dir_of(1, getpid(), sim.dir, sizeof sim.dir);
    if (sim_open(&o) != 0)
        abort();
    r = scale_main(sessions);
    remove_dir(sim.dir);
    return r;
}

/* A number of at least @min, or the end. */
static int64_t number(const char *option, const char *text, int64_t min)
{
    char *end = NULL;
    int64_t n = text ? strtoll(text, &end, 10) : 0;

    if (end && end != text && *end == '\0' && n >= min)
        return n;
    (void)fprintf(stderr, "zk-sim: %s takes a number of at least %lld\n", option, (long long)min);
    exit(2);
}

int main(int argc, char *argv[])
{
    int64_t from = 0, seeds = 1000, jobs = 2;
    bool keep_going = false;
    const char *store = NULL;
    int r;

    for (int i = 1; i < argc; i++) {
        const char *value = argv[i + 1];

        if (strcmp(argv[i], "-v") == 0) {
            world_verbose = 1;
        } else if (strcmp(argv[i], "-vv") == 0) {
            world_verbose = 2;
        } else if (strcmp(argv[i], "--from") == 0) {
            from = number(argv[i++], value, 0);
        } else if (strcmp(argv[i], "--seeds") == 0) {
            seeds = number(argv[i++], value, 1);
        } else if (strcmp(argv[i], "--world") == 0) {
            the_world = true;
        } else if (strcmp(argv[i], "--month") == 0) {
            the_days = the_days > 0 ? the_days : 30;
            seeds = 1;
        } else if (strcmp(argv[i], "--days") == 0) {
            the_days = number(argv[i++], value, 1);
        } else if (strcmp(argv[i], "--all") == 0) {
            keep_going = true;
        } else if (strcmp(argv[i], "--store") == 0 && value) {
            store = argv[++i];
        } else if (strcmp(argv[i], "--jobs") == 0) {
            jobs = number(argv[i++], value, 1);
        } else if (strcmp(argv[i], "--scale") == 0) {
            return run_scale((int)number(argv[i], value, 10));
        } else if (strcmp(argv[i], "--seed") == 0) {
            from = number(argv[i++], value, 0);
            seeds = 1;
        } else {
            return fprintf(stderr, "zk-sim: no option %s\n", argv[i]), 2;
        }
    }
    (void)clearenv(); /* nothing of ours is a setting */
    if (store && postgres_sim_make_template(store) != 0)
        return 2;
    on_server = store != NULL;
    r = run_seeds(from, seeds, jobs > JOBS_MAX ? JOBS_MAX : (int)jobs, keep_going);
    if (on_server)
        postgres_sim_drop_template();
    return r;
}
