#pragma once

#include <stdbool.h>

struct clock;
struct db;
struct now;

/* steady_now() (db.h). */
int pg_steady_now(struct db *db, struct clock *clock, struct now *ret);
/* For tests with a stepped clock: the server's clock is that of the caller. */
void pg_steady_by_caller(bool on);
