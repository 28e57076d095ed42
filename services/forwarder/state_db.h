/*
 * state.db, as the forwarder uses it: its cursor there, and operator commands. It is opened when it is needed, and
 * opened again after a failed sync. The forwarder delivers on while it is away.
 */
#pragma once

#include "common/store/db.h"

struct state_db;

int state_db_new(const char *dir, struct state_db **ret); /* @dir is borrowed. 0 or -ENOMEM */
void state_db_free(struct state_db *s);                   /* NULL is nothing */
/* Returns 0, or the error of opening it. */
int state_db_get(struct state_db *s, struct db **ret);
/* The outcome of an access: a change between working and failing is logged. */
void state_db_note(struct state_db *s, int r);
