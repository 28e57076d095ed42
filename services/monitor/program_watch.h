/*
 * The other programs of this data folder and, with a database, those of other machines: does one of each kind that was started give a
 * sign of life? The alerts of those that do not stand on one bridge.
 */
#pragma once

#include "services/monitor/change_batch.h"

struct program_watch;

/* All are kept by reference; sets @status->dead. Watches nothing yet. Returns 0 or -errno. */
int program_watch_open(const struct monitor_context *m, struct bridge_status *status,
                       struct change_batch *batch, struct program_watch **ret);
void program_watch_close(struct program_watch *w); /* NULL is nothing */
/* The alerts of dead programs stand on this bridge (@on), or on another one. */
void program_watch_set(struct program_watch *w, bool on);
