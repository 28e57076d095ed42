/*
 * Bridges of which state.db has rows, and which the settings do not name any more: noted in their rows, and their alerts
 * are resolved. Their sessions stay as they were last seen, and nothing is done for them.
 */
#pragma once

#include "common/app/bridge_set.h"
#include "services/monitor/context.h"

/* When state.db is opened, and when the file of bridges was read anew. Returns 0 or -errno. */
int unwatched_mark(const struct monitor_context *m, const struct bridge_set *set);
