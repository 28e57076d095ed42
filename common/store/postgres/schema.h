/* The tables of a store in PostgreSQL, and their versions. */
#pragma once

#include <stdint.h>

struct pg_db;

/* The steps as SQL, NULL-ended. */
const char *const *pg_schema_steps(void);

/* Of this zapkeep. */
int pg_schema_known(void);
/* *ret: that of the database, 0: there is none, below 0: of a move that did not end. */
int pg_schema_version(struct pg_db *d, int *ret);
/* Empty tables, in place of those that are there, marked as the target of a move: their version is below 0. */
int pg_schema_make_unfinished(struct pg_db *d);
/* Makes the tables that are missing, step by step, in one transaction; safe to run twice and by two at once. -EPROTONOSUPPORT: a
 * newer zapkeep wrote it. */
int pg_schema_upgrade(struct pg_db *d);
/* How long a statement waits for a lock, unless something sets it for itself. */
#define PG_LOCK_TIMEOUT "SET lock_timeout = '3s'"
/* Settings of a new connection (wire.c calls this): where its tables are, the server's limits, and what a role or a database may have
 * been given by ALTER … SET. */
int pg_schema_enter(struct pg_db *d);
/* 0, -ENOENT (no schema: zapkeep store init), -EPROTONOSUPPORT (newer), -EPROTOTYPE (older: zapkeep store upgrade),
 * -EINPROGRESS (a move of the store runs, or did not end). The connection counts as in use from then on (in_use.h). */
int pg_schema_check(struct pg_db *d);
