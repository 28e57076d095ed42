/*
 * The orders of operators by the CLI: rows of state.db. The forwarder looks for them on a notification and
 * every 2 s. With several forwarders a command about a destination is taken by the one that delivers to it, a command about
 * all by the lead (units.h), which makes one for each destination of it.
 */
#pragma once

#include "common/app/state_store.h"
#include "services/forwarder/units.h"

struct commands;

int commands_open(struct app *app, struct units *units, struct state_store *state, struct commands **ret);
void commands_close(struct commands *c); /* NULL is nothing */
void commands_notify(struct commands *c);
