/* What the world sees of the system's part. */
#pragma once

#include <stdint.h>

/* Log lines of level error so far. */
extern int64_t system_sim_errors;
