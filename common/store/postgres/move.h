/* A database as a side of a move (common/store/move_side.h). */
#pragma once

#include <stddef.h>

#include "common/store/move_side.h"

/* Returns 0, MOVE_IN_USE or MOVE_NOT_EMPTY and its detail, or a negative of db_open_state(). */
int pg_move_open(const char *where, enum move_role role, struct move_side **ret, char *ret_detail, size_t n);
