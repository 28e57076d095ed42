/*
 * Time is handed in. A struct clock is the only way to ask for it, so that a test can step it.
 *
 * wall_ms  ms since the epoch; may jump either way when somebody sets the clock. For people and for wires.
 * boot_ms  ms since the machine started, suspend included (CLOCK_BOOTTIME): the same for every process on the
 *          machine, never jumps. For every interval and deadline.
 */
#pragma once

#include <stdint.h>

#define CLOCK_BOOT_ID_MAX 40 /* a UUID in text and its NUL */

struct clock {
    int64_t (*wall_ms)(struct clock *c);
    int64_t (*boot_ms)(struct clock *c);
    char boot_id[CLOCK_BOOT_ID_MAX]; /* changes at every start of the machine */
};

/* The machine's clock; boot_id from /proc/sys/kernel/random/boot_id ("unknown" when that cannot be read). */
void clock_init(struct clock *ret);

/* A clock that moves only by a call (simulation and unit tests). Set the fields directly to step. */
struct clock_stepped {
    struct clock clock; /* hand out &c->clock */
    int64_t wall;
    int64_t boot;
};
void clock_stepped_init(struct clock_stepped *ret, int64_t wall_ms, int64_t boot_ms, const char *boot_id);
/* Both times move on by ms. */
void clock_step(struct clock_stepped *c, int64_t ms);

/* boot_ms of the machine, for leases that are held against another machine's server: no test steps them. */
int64_t clock_machine_boot_ms(void);
/* CLOCK_MONOTONIC in microseconds, for measuring only. */
int64_t clock_mono_us(void);
