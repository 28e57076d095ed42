/*
 * Checks and repairs of a bridge's webhook subscriptions, as an operator orders them: `zapkeep bridge check` as a child. Each
 * request is answered when its child has ended.
 */
#pragma once

#include "services/console/exchange.h"

struct bridge_checks;

/* At once; each is a program of some MiB, and its calls are spaced by the bridge's own limit. */
#define BRIDGE_CHECKS_MAX 4

int bridge_checks_new(const struct console_context *c, struct bridge_checks **ret);
void bridge_checks_free(struct bridge_checks *all); /* ends those that run; NULL is nothing */
/*
 * Checks @bridge, and sets again each subscription that is not as it should be with @repair. Answers a copy of @e later, and @e is over then.
 * Returns 0, -EALREADY (this bridge is being checked), -EBUSY (so many are), or another -errno (the program cannot be run): then
 * @e is still to be answered.
 */
int bridge_checks_start(struct bridge_checks *all, struct exchange *e, const char *bridge, bool repair);
