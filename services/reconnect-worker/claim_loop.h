/*
 * The loop of one bridge: woken by a notification, a commit, the next due row or the sweep, it claims sessions that are due
 * and starts the calls.
 */
#pragma once

#include "services/reconnect-worker/worker.h"

/* Without notifications the queue is read this often, less up to a fifth at random so that workers are not in step:
 * with the hub dead a session is attempted within 5 s of being due. */
#define WORKER_SWEEP_MS 5000
/* While a database server notifies of commits. */
#define WORKER_WATCHED_SWEEP_MS 20000

/* A notification and a commit into state.db wake the loop this long after it last ran at the earliest: one session that falls due is
 * seen at once, and in a crowd not each of them costs each worker a reading of the queue. */
#define WORKER_REST_MS 5

/* Reads the queue now, or @after_ms from now if that is sooner than planned. */
void claim_loop_wake(struct worker_bridge *b, int64_t after_ms);

/* Callback of a bridge's timer. */
void claim_loop_on_timer(void *ctx);
/* Callbacks, with the worker as ctx: they wake the bridges that it may be about. */
void claim_loop_on_notification(void *ctx, struct str message);
void claim_loop_on_commit(void *ctx);
/* The store has failed: all bridges try again after this time. */
void claim_loop_retry(struct worker *w, int64_t after_ms);
