/*
 * Percent-encoding, and the fields of queries and forms that have it. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/base/text.h"

/* In a query and in a form '+' stands for a space; in a path and in a password it is itself. */
enum percent_plus { PERCENT_PLUS_IS_ITSELF, PERCENT_PLUS_IS_SPACE };

/*
 * Undoes it: the bytes go to @ret, without a NUL, and are never more than @s has. Returns 0; -EINVAL: a '%' without two hex
 * digits; -EMSGSIZE: more than @max bytes. @ret_n is untouched then.
 */
int percent_decode(struct str s, enum percent_plus plus, char *ret, size_t max, size_t *ret_n);

/* The value of the first field @name in "a=1&b=2" as it stands there, STR_NULL: there is none. */
struct str percent_field(struct str form, const char *name);
