/* A pooler between the programs and the server. */
#pragma once

#include <stdbool.h>

struct pg_db;

/* zapkeep's sessions have settings, statements and locks of their own, so a pooler has to give each connection one session until it is
 * closed (pgbouncer: pool_mode = session). With another pool_mode a setting of one program holds for the commits of another: one of
 * the forwarder would weaken the 2xx of webhook-ingest. */

/* Is there a pooler before the server? Returns 0 or a negative of the query. */
int pg_pooling_ask(struct pg_db *d, bool *ret_pooled);
/* Before anything is set on @d; @second: another connection to the same address, of no use afterwards. Returns 0, -EPROTO (transactions
 * have sessions of their own, see d's error), or another negative of the query. */
int pg_pooling_check(struct pg_db *d, struct pg_db *second);
