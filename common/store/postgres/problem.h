/* Sentences for an operator (db_problem(), store.h). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* The server's own text of the last failure to open a part, in this thread; for pg_problem(). */
void pg_problem_keep(int r, const char *detail);
/* Host and database: never the user's name or a password. */
const char *pg_display(const char *where, char *ret, size_t n);
/* Is there a password in it? */
bool pg_has_password(const char *where);
/* The schema that holds what a store in a folder has in @file. */
const char *pg_part_name(const char *file);
const char *pg_problem(const char *where, const char *part, int r, char *ret, size_t n);
