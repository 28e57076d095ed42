/*
 * The health of a bridge: checked between sweeps, too, and concluded from its health answers, from every other call, and
 * from lists that say nothing.
 */
#pragma once

#include "services/monitor/change_batch.h"
#include "services/monitor/poller.h"

struct health_watch;

/* All are kept by reference. Returns 0 or -errno. */
int health_watch_open(const struct monitor_context *m, struct bridge_status *status,
                      struct change_batch *batch, struct health_watch **ret);
void health_watch_close(struct health_watch *w); /* NULL is nothing */
/* Begins to check, by poller_check() of @poller, which is kept by reference. */
void health_watch_start(struct health_watch *w, struct poller *poller);

/* GET /health was answered, or was not, as poller_owner.on_health has it. */
void health_watch_checked(struct health_watch *w, bool good, const struct bridge_call *c);
/* Any other call of the bridge ended. */
void health_watch_called(struct health_watch *w, const struct bridge_call *c);
/* A sweep whose health check was good ended so; @list_kind: the driver's reading of its list, 0: it is one. */
void health_watch_swept(struct health_watch *w, enum sweep_end end, int list_kind);

/* Nothing has come from the bridge since the start: how long to wait before the next try. */
int64_t health_watch_wait_ms(struct health_watch *w);
