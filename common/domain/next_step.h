/*
 * The next step for a session that does not come back by itself: the same command wherever the session is
 * shown. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/domain/cause.h"
#include "common/domain/session.h"

/*
 * Writes one clause with the command in it ("run `zapkeep session pair alice`"), or "" when nothing has to be
 * done:
 * the session is connected or starting, or attempts are on their way. @cause may be NULL. Returns @ret.
 */
const char *next_step(enum session_state state, const struct cause *cause, bool parked, const char *id,
                      char *ret, size_t n);
