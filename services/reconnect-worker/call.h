/*
 * One attempt: the call of the bridge (or of the restart hook), and the record of how it went.
 *
 *   STARTED ──> CALLING ──> RECORDING ──> OVER
 *      │           │          ^ └─ the store is busy: again, until the lease ends
 *      │           ├─ the second call of the driver's procedure: CALLING
 *      │           └─ the program ends: OVER, and the lease lapses
 *      └─ cannot be sent: RECORDING
 *
 * It suspends in CALLING and RECORDING only. call.c holds each attempt to these moves.
 */
#pragma once

#include "services/reconnect-worker/worker.h"

/* Publishes the start of the attempt and makes the call. @began_ms: boot ms from before the claim. The call is in
 * b->calls until it is recorded; then @on_over fires (also before call_start() returns, when it cannot be sent). */
void call_start(struct worker_bridge *b, const struct claim *claim, int64_t began_ms,
                void (*on_over)(struct worker_bridge *b));
/* Ends the wait for all answers of a bridge: a call that was sent counts as accepted, and the monitor sees whether it worked. */
void call_let_all_go(struct worker_bridge *b);
/* At the end of the program (worker->closing is set): forgets the calls in flight; a call that waits is freed by its answer,
 * at the latest when the client closes. Their leases lapse. */
void call_drop_all(struct worker_bridge *b);

enum call_step { CALL_STARTED, CALL_CALLING, CALL_RECORDING, CALL_OVER, CALL_STEP_N };
bool call_step_may_follow(enum call_step from, enum call_step to);

/* The outcome that an answer (or its absence) stands for. @taken: answer of the driver's read_reconnect(). Pure. */
enum attempt_outcome call_outcome(int taken);
