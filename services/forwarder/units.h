/*
 * This forwarder's part of the stack's destinations. With a store in a folder that is one unit, all of them. With
 * a database each destination is a unit of its own, which the forwarders of the stack share; one more, the lead, keeps
 * the things that belong to no destination: the cursor that retention respects, and commands of operators about all destinations.
 */
#pragma once

#include "services/forwarder/startup.h"

struct units;

struct units_options {
    /* as startup_options has it; its config, first, n and lead are the units' own */
    struct engine_options engine;
    const struct config *config; /* borrowed until units_reload() */
    void (*stopped)(void *ctx);  /* after units_stop(): nothing is in flight any more */
    void *ctx;
};
int units_open(const struct units_options *o, struct units **ret);
void units_close(struct units *u); /* saves and gives the roles up; NULL is nothing */
/* Another configuration: requests in flight are made again. Returns 0 or -ENOMEM. */
int units_reload(struct units *u, const struct config *config);

void units_notify(struct units *u); /* there may be something new in the log */
void units_stop(struct units *u);

/* The engines at work, 0 to units_count() - 1; NULL: this one is not. */
int units_count(const struct units *u);
struct engine *units_engine(const struct units *u, int i);
/* The engine for commands about @destination, "" or not configured: the lead. NULL: it is another forwarder's, or it is not
 * at work now. */
struct engine *units_engine_for(const struct units *u, const char *destination);
bool units_is_configured(const struct units *u, const char *destination);
const struct config *units_config(const struct units *u); /* of all destinations */
/* Do several forwarders share the destinations? */
bool units_are_shared(const struct units *u);

/* Why some unit is not at work though it should, in one line; NULL: all is well. */
const char *units_problem(const struct units *u);
bool units_wait_for_log(const struct units *u); /* there is no events.db yet */
