/*
 * zk-sim: runs seeds until one breaks a promise.
 *
 *   zk-sim [--from N] [--seeds N] [-v]     N seeds from N on (1,000 from 0); -v tells every step
 *   zk-sim --scale N                       what N sessions cost: time and memory
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/old/sim.h"

static struct rules rules_default(void)
{
    return (struct rules){ .check_ms = 60 * 1000,
                           .soon_ms = 3000,
                           .incident_check_ms = 5000,
                           .confirm_ms = 1000,
                           .start_ms = 120 * 1000,
                           .health_bad = 3,
                           .health_good = 2,
                           .incident_percent = 50,
                           .incident_min = 5,
                           .incident_window_ms = 30 * 1000,
                           .incident_failures = 5,
                           .incident_sweeps = 2,
                           .flap_penalty = 1000,
                           .flap_suppress = 3000,
                           .flap_reuse = 750,
                           .flap_half_life_ms = 15 * 60 * 1000,
                           .flap_max_ms = 60 * 60 * 1000 };
}

static bool run_seed(uint64_t seed, bool verbose, int64_t *claims)
{
    struct sim_options o = { .seed = seed, .verbose = verbose };
    struct sim *s = calloc(1, sizeof *s);
    bool good;

    if (!s || sim_open(s, &o) != 0)
        abort();
    s->rules = rules_default();
    chaos_plan(s);
    check_start(s);
    monitor_start(s);
    for (int w = 0; w < s->n_workers; w++)
        worker_start(s, w);
    sim_run(s, s->end_at);
    if (!s->failed)
        check_end(s);
    good = !s->failed;
    *claims += s->n_claims;
    sim_close(s);
    free(s);
    return good;
}

static int run_scale(int sessions)
{
    struct sim_options o = { .seed = 1 };
    struct sim *s = calloc(1, sizeof *s);
    int r;

    if (!s || sim_open(s, &o) != 0)
        abort();
    s->rules = rules_default();
    r = scale_main(s, sessions);
    sim_close(s);
    free(s);
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
    int64_t from = 0, seeds = 1000, claims = 0;
    bool verbose = false;

    for (int i = 1; i < argc; i++) {
        const char *value = argv[i + 1];

        if (strcmp(argv[i], "-v") == 0)
            verbose = true;
        else if (strcmp(argv[i], "--from") == 0)
            from = number(argv[i++], value, 0);
        else if (strcmp(argv[i], "--seeds") == 0)
            seeds = number(argv[i++], value, 1);
        else if (strcmp(argv[i], "--scale") == 0)
            return run_scale((int)number(argv[i], value, 10));
        else
            return fprintf(stderr, "zk-sim: no option %s\n", argv[i]), 2;
    }
    for (int64_t seed = from; seed < from + seeds; seed++)
        if (!run_seed((uint64_t)seed, verbose, &claims)) {
            printf("again, step by step: %s --from %lld --seeds 1 -v\n", argv[0], (long long)seed);
            return 1;
        }
    printf("%lld seeds, %lld attempts: R1 to R6 hold\n", (long long)seeds, (long long)claims);
    return 0;
}
