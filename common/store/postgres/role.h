#pragma once

#include <stdbool.h>

struct store_crew;

/* common/store/role.h: rows of zapkeep.role. */
int pg_crew_open(const char *where, const char *kind, struct store_crew **ret);
bool pg_role_is_taken(const char *where, const char *kind);
