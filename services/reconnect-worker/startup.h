/*
 * Opening and closing the service. Several workers may be open in one process; they share nothing but the metrics.
 */
#pragma once

#include "services/reconnect-worker/worker.h"

/* Returns 0, APP_EXIT(code) after one line on stderr, or -errno; call worker_close() in each case. */
int worker_open(struct worker *w, const struct app_start *start);
void worker_close(struct worker *w);
