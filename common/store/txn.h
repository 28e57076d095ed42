/*
 * A transaction of a function's own, or a part of its caller's: so that a function can be called alone and as a
 * step of something larger.
 *
 *   struct txn t;
 *   int r = txn_begin(&t, db);
 *
 *   return r == 0 ? txn_end(&t, change(db)) : r;
 */
#pragma once

#include <stdbool.h>

#include "common/store/db.h"

struct txn {
    struct db *db;
    bool own;
};
int txn_begin(struct txn *t, struct db *db);
/* Of its own: db_begin_bridge(). */
int txn_begin_bridge(struct txn *t, struct db *db, const char *bridge);
/* Commits for @r >= 0, rolls back for @r < 0; a transaction of the caller's is left to the caller. Returns @r, or the
 * error of the commit. */
int txn_end(const struct txn *t, int r);
