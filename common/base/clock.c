#include "common/base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t read_clock(clockid_t id, int64_t per_second)
{
    struct timespec t;

    (void)clock_gettime(id, &t);
    return (int64_t)t.tv_sec * per_second + t.tv_nsec / (1000 * 1000 * 1000 / per_second);
}

static int64_t real_wall(struct clock *c)
{
    return read_clock(CLOCK_REALTIME, 1000);
}

static int64_t real_boot(struct clock *c)
{
    return read_clock(CLOCK_BOOTTIME, 1000);
}

int64_t clock_machine_boot_ms(void)
{
    return read_clock(CLOCK_BOOTTIME, 1000);
}

void clock_init(struct clock *ret)
{
    FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");

    *ret = (struct clock){ .wall_ms = real_wall, .boot_ms = real_boot };
    if (!f || !fgets(ret->boot_id, sizeof ret->boot_id, f))
        (void)snprintf(ret->boot_id, sizeof ret->boot_id, "unknown");
    ret->boot_id[strcspn(ret->boot_id, "\n")] = '\0';
    if (f)
        (void)fclose(f);
}

static int64_t stepped_wall(struct clock *c)
{
    return ((struct clock_stepped *)c)->wall;
}

static int64_t stepped_boot(struct clock *c)
{
    return ((struct clock_stepped *)c)->boot;
}

void clock_stepped_init(struct clock_stepped *ret, int64_t wall_ms, int64_t boot_ms, const char *boot_id)
{
    *ret = (struct clock_stepped){ .clock = { .wall_ms = stepped_wall, .boot_ms = stepped_boot },
                                   .wall = wall_ms,
                                   .boot = boot_ms };
    (void)snprintf(ret->clock.boot_id, sizeof ret->clock.boot_id, "%s", boot_id);
}

void clock_step(struct clock_stepped *c, int64_t ms)
{
    c->wall += ms;
    c->boot += ms;
}

int64_t clock_mono_us(void)
{
    return read_clock(CLOCK_MONOTONIC, 1000 * 1000);
}
