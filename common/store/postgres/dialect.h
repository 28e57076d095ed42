/* Where a text that SQLite understands has to be changed for PostgreSQL. Pure. */
#pragma once

#include <stddef.h>

#include "common/base/text.h"

/* ?1 becomes $1, a bare ? the next number; INDEXED BY, a hint for SQLite, is left out; a table that several parts have
 * is that of @schema. Free the answer; NULL: no memory. */
char *pg_dialect(const char *sql, const char *schema);
/* @text without NUL and with ? for each byte that is no UTF-8; @ret has room for text.n bytes. Returns how many. */
size_t pg_clean_text(struct str text, char *ret);
