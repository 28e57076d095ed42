#pragma once

#include <stdbool.h>

struct store_role;

/* common/store/role.h: a row of zapkeep.role. */
int pg_role_take(const char *where, const char *name, struct store_role **ret);
bool pg_role_is_taken(const char *where, const char *name);
