/* Programs that services run. */
#pragma once

#include "tests/sim/io/world.h"

/* The effect of the program on the world at its start; returns its exit status, *ret_took_ms later. NULL: there is no
 * program. */
extern int (*proc_sim_run)(const char *const argv[], int64_t *ret_took_ms);
