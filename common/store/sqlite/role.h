#pragma once

#include <stdbool.h>

struct store_crew;

/* common/store/role.h: the lock file DIR/KIND.lock, for all roles of a kind. */
int sqlite_crew_open(const char *dir, const char *kind, struct store_crew **ret);
bool sqlite_role_is_taken(const char *dir, const char *kind);
