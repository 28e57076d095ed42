/* The system's part, for the world. */
#pragma once

#include <stdint.h>

/* Log lines of level error so far. */
extern int64_t system_sim_errors;
