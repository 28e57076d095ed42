/*
 * Is any program at work on a database? Each of its connections holds an advisory lock, shared; a move of the store
 * (common/store/move.h) holds it alone. It ends with the connection, however that ends.
 */
#pragma once

#include <stddef.h>

struct pg_db;

/* Of a program. Returns 0, -EINPROGRESS (the store is being moved), or -errno. */
int pg_in_use_share(struct pg_db *d);
/* Of a move. Returns 0, PG_IN_USE and the programs in *ret_who ("zapkeep-monitor at 10.0.0.7"), or -errno. */
#define PG_IN_USE 1
int pg_in_use_alone(struct pg_db *d, char *ret_who, size_t n);
