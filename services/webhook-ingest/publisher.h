/*
 * Publishes each event after it was committed and answered, from a queue that is worked off between other work of
 * the loop, so that no sender waits for the bus. A notification that does not fit is dropped; by log.head, each
 * second, subscribers see that they missed something.
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
