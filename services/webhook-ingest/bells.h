/*
 * Ringing for what was committed, after it was answered: a queue that is worked off in the loop's later
 * turns, so that no sender waits for the bus. What does not fit is dropped; log.head tells subscribers each
 * second what they missed.
 */
#pragma once

#include "common/app/app.h"
#include "services/webhook-ingest/request.h"

struct bells;

int bells_open(struct app *app, struct bells **ret);
void bells_close(struct bells *b);
/* Takes the request over. @log_id as in events_log.h. */
void bells_add(struct bells *b, struct request *r, const char *log_id);
/* log.head. */
void bells_head(struct bells *b, int64_t head);
