/* The address of a database server, for this folder alone. */
#pragma once

#include <stddef.h>

/* Can libpq read @where, and as its writer meant it? A password with a sign that is not percent-encoded ends up in the host, the port
 * or the database, and with them in messages. Returns 0, or -EINVAL and why, without any part of a password. */
int pg_address_check(const char *where, char *ret_why, size_t n);
