/* state.db, for those who may not make one. */
#pragma once

#include "common/store/db.h"

/* Opens state.db of @dir, but never makes one: a file made by an operator's shell could be out of reach for
 * the services. Returns 0, -ENOENT, or a negative of db_open_state(). */
int ops_open_state(const char *dir, struct db **ret);
