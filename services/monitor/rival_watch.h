/*
 * Two stacks on one bridge: each reconnects its sessions at its own pace, and neither counts the other's attempts. Each monitor
 * claims the bridge's address on its machine; the one that finds it claimed by a monitor of another store says so.
 */
#pragma once

#include "services/monitor/bridge_status.h"
#include "services/monitor/change_batch.h"
#include "services/monitor/context.h"

struct rival_watch;

/* All are kept by reference; sets @status->rival_here. A bridge without an address has none. Returns 0 or -errno. */
int rival_watch_open(const struct monitor_context *m, struct bridge_status *status,
                     struct change_batch *batch, struct rival_watch **ret);
void rival_watch_close(struct rival_watch *w); /* NULL is nothing; lets the address go */
