/* The health of a bridge. The number is stored in state.db. */
#pragma once

enum bridge_health { BRIDGE_HEALTH_UNKNOWN, BRIDGE_HEALTH_UP, BRIDGE_HEALTH_DOWN };
const char *bridge_health_text(enum bridge_health h); /* "unknown", "up", "down" */
