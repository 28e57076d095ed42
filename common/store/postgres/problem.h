/* Sentences for an operator (db_problem(), store.h). */
#pragma once

#include <stddef.h>

/* The server's own words about the last failure to open a part, in this thread; for pg_problem(). */
void pg_problem_keep(int r, const char *detail);
const char *pg_problem(const char *where, const char *part, int r, char *ret, size_t n);
