/*
 * Ringing for what was committed, after it was answered: a queue that is worked off in the loop's later
 * turns, so that no sender waits for the bus. What does not fit is dropped; log.head tells subscribers each
 * second what they missed.
 */
#pragma once

#include "common/app/app.h"
#include "services/webhook-ingest/request.h"

struct publisher;

int publisher_open(struct app *app, struct publisher **ret);
void publisher_close(struct publisher *p);
/* Takes the request over. @log_id as in events_log.h. */
void publisher_add(struct publisher *p, struct request *r, const char *log_id);
/* log.head. */
void publisher_head(struct publisher *p, int64_t head);
