#include "tests/sim/io/world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* The wall clock of the start: a date on which every time of a webhook is a plausible one. */
#define WALL_OFFSET ((int64_t)1795340484332 - WORLD_T0)
/* The machine has been up for an hour. */
#define BOOT_OFFSET (WORLD_T0 - (int64_t)3600 * 1000)

struct event {
    int64_t t, order;
    void (*fn)(void *ctx, int64_t a);
    void *ctx;
    int64_t a;
};

static struct {
    int64_t t, order;
    int64_t wall_offset, boot_offset;
    char boot_id[32];
    struct event *heap;
    int n, cap;
    struct rng happens, draws;
    uint64_t seed;
    bool failed;
} world = { .t = WORLD_T0, .wall_offset = WALL_OFFSET, .boot_offset = BOOT_OFFSET, .boot_id = "boot-0" };

int world_verbose;
void (*world_after)(void);

/* ---- events ---------------------------------------------------------------------------------- */

static bool is_before(const struct event *a, const struct event *b)
{
    return a->t != b->t ? a->t < b->t : a->order < b->order;
}

static void swap(struct event *a, struct event *b)
{
    struct event x = *a;

    *a = *b;
    *b = x;
}

void world_at(int64_t t, void (*fn)(void *ctx, int64_t a), void *ctx, int64_t a)
{
    int i = world.n;

    if (world.n == world.cap) {
        world.cap = world.cap ? 2 * world.cap : 1024;
        world.heap = realloc(world.heap, (size_t)world.cap * sizeof *world.heap);
    }
    if (!world.heap)
        abort();
    world.heap[world.n++] = (struct event){ t > world.t ? t : world.t, world.order++, fn, ctx, a };
    for (; i > 0 && is_before(&world.heap[i], &world.heap[(i - 1) / 2]); i = (i - 1) / 2)
        swap(&world.heap[i], &world.heap[(i - 1) / 2]);
}

static struct event take_first(void)
{
    struct event first = world.heap[0];
    int i = 0;

    world.heap[0] = world.heap[--world.n];
    for (;;) {
        int least = i;

        for (int child = 2 * i + 1; child <= 2 * i + 2; child++)
            if (child < world.n && is_before(&world.heap[child], &world.heap[least]))
                least = child;
        if (least == i)
            return first;
        swap(&world.heap[i], &world.heap[least]);
        i = least;
    }
}

void world_run(int64_t until)
{
    while (world.n > 0 && world.heap[0].t <= until && !world.failed) {
        struct event e = take_first();

        world.t = e.t;
        e.fn(e.ctx, e.a);
        if (world_after)
            world_after();
    }
    if (!world.failed)
        world.t = until;
}

int64_t world_now(void)
{
    return world.t;
}

/* ---- clocks ---------------------------------------------------------------------------------- */

int64_t world_wall(void)
{
    return world.t + world.wall_offset;
}

int64_t world_true_wall(void)
{
    return world.t + WALL_OFFSET;
}

int64_t world_boot(void)
{
    return world.t - world.boot_offset;
}

const char *world_boot_id(void)
{
    return world.boot_id;
}

void world_step_wall(int64_t ms)
{
    world.wall_offset += ms;
}

void world_reboot(int64_t t)
{
    world.boot_offset = t;
    (void)snprintf(world.boot_id, sizeof world.boot_id, "boot-%lld", (long long)t);
}

/* ---- chance ---------------------------------------------------------------------------------- */

void world_seed(uint64_t seed)
{
    world.seed = seed;
    rng_init(&world.happens, seed);
    rng_init(&world.draws, seed ^ 0x5eed);
}

int64_t world_draw(int64_t below)
{
    return (int64_t)rng_below(&world.happens, (uint64_t)below);
}

bool world_chance(int64_t permille)
{
    return world_draw(1000) < permille;
}

uint64_t world_rand64(void)
{
    return rng_next(&world.draws);
}

/* ---- results --------------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 0))) static void print(const char *prefix, const char *fmt, va_list ap)
{
    const struct process *p = process_current();

    printf("%sseed %llu t=%.3f %s: ", prefix, (unsigned long long)world.seed,
           (double)(world.t - WORLD_T0) / 1000, p ? process_name(p) : "world");
    (void)vprintf(fmt, ap);
    (void)putchar('\n');
}

void world_log(const char *fmt, ...)
{
    va_list ap;

    if (!world_verbose)
        return;
    va_start(ap, fmt);
    print("", fmt, ap);
    va_end(ap);
}

void world_fail(const char *fmt, ...)
{
    va_list ap;

    if (world.failed)
        return;
    va_start(ap, fmt);
    print("BROKEN ", fmt, ap);
    va_end(ap);
    world.failed = true;
}

bool world_failed(void)
{
    return world.failed;
}
