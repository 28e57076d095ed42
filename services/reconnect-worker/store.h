/*
 * The worker's hold on state.db: opened when it can be, opened anew when its disk failed.
 */
#pragma once

#include "services/reconnect-worker/worker.h"

/* Returns 0 (it is open), or what opening failed with. */
int store_open(struct worker *w);
/* A function of the store failed: says so when it is news, and after a failed sync lets the file go. Returns
 * how long to wait, ms. */
int64_t store_failed(struct worker *w, int r);
void store_works(struct worker *w);
/* For app_check. */
int store_check(void *ctx, char *ret_why, size_t n);
