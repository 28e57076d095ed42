/*
 * The orders of operators by the CLI: rows of state.db. The forwarder looks for them on a notification and
 * every 2 s.
 */
#pragma once

#include "common/app/state_store.h"
#include "services/forwarder/startup.h"

struct commands;

int commands_open(struct app *app, struct startup *startup, struct state_store *state, struct commands **ret);
void commands_close(struct commands *c); /* NULL is nothing */
void commands_notify(struct commands *c);
