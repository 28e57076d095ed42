#pragma once

#include <stdbool.h>

struct store_role;

/* role.h: NAME.lock in the folder. */
int sqlite_role_take(const char *dir, const char *name, struct store_role **ret);
bool sqlite_role_is_taken(const char *dir, const char *name);
