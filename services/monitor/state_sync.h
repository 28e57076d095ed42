/*
 * Changes that others make in state.db: sessions that the CLI creates or deletes, sessions that are parked or
 * unparked, and the bridge's row that the workers write to.
 */
#pragma once

#include "services/monitor/change_batch.h"

struct state_sync;

int state_sync_open(const struct monitor_context *m, struct bridge_status *status, struct change_batch *batch,
                    struct state_sync **ret);
void state_sync_close(struct state_sync *s); /* NULL is nothing */
/* Fills the table at the start. Returns 0 or -errno. */
int state_sync_load(struct state_sync *s);

/* Before a sweep: takes up sessions that were created or deleted. Commits. Returns 0 or -errno. */
int state_sync_reload(struct state_sync *s);
/* Inside a read of state.db: takes up parks and unparks when state.db has changed since the last call, and
 * the bridge's row. Returns 0 or -errno. */
int state_sync_read(struct state_sync *s);
