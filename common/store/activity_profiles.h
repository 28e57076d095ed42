/*
 * The usual activity of a session, as bytes that only the monitor understands: one row per session in
 * state.db.
 *
 * Every function runs inside the caller's transaction if there is one, else in its own.
 */
#pragma once

#include "common/base/text.h"
#include "common/store/db.h"

int activity_profiles_save(struct db *db, const char *bridge, const char *session, struct str hours);
/* In order of session. A non-zero return of @on_row stops and is passed up. @hours lives until it returns. */
int activity_profiles_each(struct db *db, const char *bridge,
                           int (*on_row)(void *ctx, const char *session, struct str hours), void *ctx);
