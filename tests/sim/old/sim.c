/* Time, randomness and the queue of what happens. */
#include "tests/sim/old/sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"

#define WALL_OFFSET ((int64_t)1795340484332 - SIM_T0)

/* ---- a heap of events ------------------------------------------------------------------------ */

static bool is_before(const struct sim_event *a, const struct sim_event *b)
{
    return a->t != b->t ? a->t < b->t : a->order < b->order;
}

static void swap(struct sim_event *a, struct sim_event *b)
{
    struct sim_event x = *a;

    *a = *b;
    *b = x;
}

void sim_at(struct sim *s, int64_t t, void (*fn)(struct sim *s, int64_t a, int64_t b), int64_t a, int64_t b)
{
    int i = s->n_events;

    if (s->n_events == s->cap_events) {
        s->cap_events = s->cap_events ? 2 * s->cap_events : 1024;
        s->heap = realloc(s->heap, (size_t)s->cap_events * sizeof *s->heap);
    }
    if (!s->heap)
        abort();
    s->heap[s->n_events++] = (struct sim_event){ t > s->t ? t : s->t, s->order++, fn, a, b };
    for (; i > 0 && is_before(&s->heap[i], &s->heap[(i - 1) / 2]); i = (i - 1) / 2)
        swap(&s->heap[i], &s->heap[(i - 1) / 2]);
}

static struct sim_event take_first(struct sim *s)
{
    struct sim_event first = s->heap[0];
    int i = 0;

    s->heap[0] = s->heap[--s->n_events];
    for (;;) {
        int least = i;

        for (int child = 2 * i + 1; child <= 2 * i + 2; child++)
            if (child < s->n_events && is_before(&s->heap[child], &s->heap[least]))
                least = child;
        if (least == i)
            return first;
        swap(&s->heap[i], &s->heap[least]);
        i = least;
    }
}

void sim_run(struct sim *s, int64_t until)
{
    while (s->n_events > 0 && s->heap[0].t <= until && !s->failed) {
        struct sim_event e = take_first(s);

        s->t = e.t;
        e.fn(s, e.a, e.b);
    }
    if (!s->failed)
        s->t = until;
}

/* ---- clocks ---------------------------------------------------------------------------------- */

int64_t sim_wall(const struct sim *s)
{
    return s->t + s->wall_offset;
}

struct now sim_now(struct sim *s)
{
    struct now now = { 0 };

    s->clock.wall = sim_wall(s);
    s->clock.boot = s->t - s->boot_offset;
    sim_must(s, steady_now(s->db, &s->clock.clock, &now), "steady_now");
    return now;
}

/* ---- chance ---------------------------------------------------------------------------------- */

int64_t sim_draw(struct sim *s, int64_t below)
{
    return (int64_t)rng_below(&s->rng, (uint64_t)below);
}

bool sim_chance(struct sim *s, int64_t permille)
{
    return sim_draw(s, 1000) < permille;
}

/* ---- words ----------------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 0))) static void say(struct sim *s, const char *prefix, const char *fmt,
                                                      va_list ap)
{
    printf("%sseed %llu t=%.3f ", prefix, (unsigned long long)s->options.seed,
           (double)(s->t - SIM_T0) / 1000);
    (void)vprintf(fmt, ap);
    (void)putchar('\n');
}

void sim_log(struct sim *s, const char *fmt, ...)
{
    va_list ap;

    if (!s->options.verbose)
        return;
    va_start(ap, fmt);
    say(s, "", fmt, ap);
    va_end(ap);
}

void sim_fail(struct sim *s, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say(s, "BROKEN ", fmt, ap);
    va_end(ap);
    s->failed = true;
}

void sim_must(struct sim *s, int r, const char *what)
{
    if (r != 0 && !s->failed)
        sim_fail(s, "%s: %d (%s)", what, r, db_error(s->db));
}

int sim_find(struct sim *s, const char *id)
{
    return (int)strtol(id + 1, NULL, 10);
}

/* ---- opening --------------------------------------------------------------------------------- */

int sim_open(struct sim *s, const struct sim_options *o)
{
    *s = (struct sim){ .options = *o, .t = SIM_T0, .wall_offset = WALL_OFFSET, .policy = policy_default };
    rng_init(&s->rng, o->seed);
    rng_init(&s->draws, o->seed ^ 0x5eed);
    clock_stepped_init(&s->clock, 0, 0, "boot-0");
    s->boot_offset = SIM_T0 - 3600 * 1000;
    return db_open_memory(&state_schema, &s->db);
}

void sim_close(struct sim *s)
{
    monitor_kill(s);
    round_fini(&s->monitor.round);
    db_close(s->db);
    free(s->heap);
    free(s->sessions);
    free(s->heard);
    free(s->tokens);
}
