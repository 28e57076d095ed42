#pragma once

struct clock;
struct db;
struct now;

/* steady_now() (db.h). */
int sqlite_steady_now(struct db *db, struct clock *clock, struct now *ret);
