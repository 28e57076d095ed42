/* Signs of life of programs: programs.h. */
#pragma once

#include "common/store/programs.h"

int pg_sign_program(struct db *db, const struct program_sign *s, bool alive);
int pg_programs_each(struct db *db, int (*on_row)(void *ctx, const struct program_row *row), void *ctx);
