/*
 * Starting to work, and starting again after a store failed: the lock of the data directory, then the engine.
 * Startup waits for anything that is missing; the log and /health name it.
 */
#pragma once

#include "services/forwarder/engine.h"

struct startup;

/* The callbacks and ctx of @o are not used: they are the startup's own. The engine is opened from the loop, soon. */
int startup_open(const struct engine_options *o, struct startup **ret);
void startup_close(struct startup *s); /* saves and closes the engine, gives the lock back; NULL is nothing */

/* Closes the engine, saved: requests in flight are made again. Then its configuration may be changed. */
void startup_suspend(struct startup *s);
void startup_resume(struct startup *s); /* opens one again, soon */

struct engine *startup_engine(struct startup *s); /* NULL: not at work */
/* Why it is not at work, in one line; NULL: it is. */
const char *startup_problem(const struct startup *s);
/* It only waits for webhook-ingest to make events.db: nothing is wrong. */
bool startup_waits_for_log(const struct startup *s);
