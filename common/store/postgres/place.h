/* Where a database stands, so that a copy of it is noticed. */
#pragma once

struct pg_db;

/* A database that pg_restore has written, or a standby that lacks the newest commits, goes on from an older state: seqs are given again
 * that were given before. The first program that connects to it gives the events after its end digits of their own
 * (common/store/events_ids.h), so that no receiver takes a new event for a repeat. Fills d->timeline. Returns 0 or -errno. */
int pg_place_check(struct pg_db *d);
