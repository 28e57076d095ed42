/*
 * One attempt: the call of the bridge (or of the restart hook), and the record of how it went.
 *
 *   STARTED ──> CALLING ──> RECORDING ──> gone
 *      └──(cannot be sent)──────┘ ^ └─(store busy: again, until the lease ends)
 */
#pragma once

#include "services/reconnect-worker/worker.h"

/* Announces and starts the attempt. @began_ms: boot ms from before the claim. The call is in w->calls until
 * it is recorded. */
void call_start(struct worker *w, const struct claim *claim, int64_t began_ms);
/* Ends the wait for all answers: what was sent counts as taken, and the monitor looks whether it worked. */
void call_let_all_go(struct worker *w);
/* At the end of the program: forgets what is in flight; its leases lapse. */
void call_drop_all(struct worker *w);

/* What an answer (or its absence) means. @taken: answer of the driver's read_reconnect(). Pure. */
enum attempt_outcome call_outcome(int taken);
