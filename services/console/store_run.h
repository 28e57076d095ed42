/*
 * The store as it says of itself. A database is asked by a child, `zapkeep store status`: one that hangs holds up those who
 * asked for its report, and nobody else.
 */
#pragma once

#include "services/console/exchange.h"

struct store_run;

int store_run_new(const struct console_context *c, struct store_run **ret);
void store_run_free(struct store_run *s); /* NULL is nothing */
/* Answers now, or a copy of @e when the report is there; @e is over then. Requests that come meanwhile get the same one.
 * Returns 0, -EBUSY (too many wait), or another -errno (the program cannot be run): then @e is still to be answered. */
int store_run_answer(struct store_run *s, struct exchange *e);
