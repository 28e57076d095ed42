/*
 * Starting to work, and starting again after a store failed: the role (common/app/role_share.h), then the engine that
 * delivers to its destinations. Startup waits for anything that is missing; the log and /health name it.
 */
#pragma once

#include "common/app/role_share.h"
#include "services/forwarder/engine.h"

struct startup;

struct startup_options {
    struct engine_options engine; /* its role and callbacks are the startup's own */
    struct role_share *share;
    int unit; /* the number of its role */
    /* Nothing is in flight any more, after startup_drain(). */
    void (*drained)(void *ctx, int unit);
    void *ctx;
};
/* The engine is opened from the loop, soon. */
int startup_open(const struct startup_options *o, struct startup **ret);
/* Saves and closes the engine: requests in flight are made again. NULL is nothing. */
void startup_close(struct startup *s);

void startup_role_changed(struct startup *s); /* it was taken, or lost */
/* Nothing more is started. Returns true when there is nothing to wait for: no engine. Else drained() comes. */
bool startup_drain(struct startup *s);
bool startup_is_drained(const struct startup *s);
/* The role was given up, after drained(). */
void startup_gave(struct startup *s);

struct engine *startup_engine(struct startup *s); /* NULL: not at work */
/* Why it is not at work, in one line; NULL: it is. */
const char *startup_problem(const struct startup *s);
/* Another program of the stack delivers to these destinations: nothing is wrong. */
bool startup_is_elsewhere(const struct startup *s);
/* It only waits for webhook-ingest to make events.db: nothing is wrong. */
bool startup_waits_for_log(const struct startup *s);
