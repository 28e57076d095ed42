/*
 * Signs of life: every running program writes its time into a small file of its own in ZAPKEEP_DATA_DIR/alive, so that
 * others notice when it is dead or hangs. An orderly stop removes the file, a death leaves it behind.
 *
 * A file and not a row of state.db: a row would cost a sync of the disk per program, and wake everybody who watches
 * state.db, every five seconds.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/clock.h"

#define HEARTBEAT_MS 5000
/* No sign of life for so long: dead, or it hangs. Two lost ones are a slow disk. */
#define HEARTBEAT_DEAD_MS 15000

struct heartbeat;

/* Writes the first one. @service: "monitor"; @clock is kept. Returns 0 or -errno; without a folder there is none. */
int heartbeat_open(const char *data_dir, const char *service, struct clock *clock, struct heartbeat **ret);
/* One more. A failure is forgotten: others will think that we are dead, and the disk is. */
void heartbeat_write(struct heartbeat *h);
/* Removes the file: an orderly stop. NULL is nothing. */
void heartbeat_close(struct heartbeat *h);

enum heartbeat_state {
    HEARTBEAT_NONE,  /* it was never started here, or was stopped */
    HEARTBEAT_ALIVE, /* at least one of that name lives */
    HEARTBEAT_DEAD,  /* it was started, and gives no sign of life */
};
/* How is the program @service? Old files of others that are long dead count for nothing when one lives. *ret_age_ms (may
 * be NULL): of the newest sign of life, 0 when there is none. */
enum heartbeat_state heartbeat_find(const char *data_dir, const char *service, struct clock *clock,
                                    int64_t *ret_age_ms);
/* Is any program alive that belongs to this folder? Its name is in *ret_name. One of this machine that was killed does
 * not count, unless another process has its number. */
bool heartbeat_any(const char *data_dir, struct clock *clock, char *ret_name, size_t n);

/* The first program that was started here and gives no sign of life: "reconnect-worker"; NULL: each one lives, or was stopped. */
const char *heartbeat_first_dead(const char *data_dir, struct clock *clock);
