/*
 * A role that one program of a stack has at a time: the monitor, the forwarder. In a folder it is a lock file, which ends
 * with its holder. In a database it is a row with a lease and a fence: a number that grows with each change of the holder.
 *
 * The holder's writes are fenced (store_role_fence()): a transaction of a program that was paused, or cut off, and that
 * another one has taken the role from meanwhile, fails with -EPERM. Calls to the outside are not; so the holder stops to
 * act when store_role_is_held() says so, which it knows by its own clock.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct db;
struct store_role;

/* A lease lasts so long after its last renewal, and is renewed so often. */
#define STORE_ROLE_LEASE_MS 10000
#define STORE_ROLE_RENEW_MS 3000

#define STORE_ROLE_TAKEN 1 /* answer: another program has it */

/* @name: "monitor", "forward"; letters alone. Returns 0, STORE_ROLE_TAKEN, or a negative of db_open_state(). */
int store_role_take(const char *where, const char *name, struct store_role **ret);
/* Each STORE_ROLE_RENEW_MS. Returns 0, -EPERM (another program has the role: release it), or a negative (not renewed
 * now: try again, it is held until store_role_is_held() is false). */
int store_role_renew(struct store_role *role);
/* Also false when the lease may have ended, as after a pause. */
bool store_role_is_held(const struct store_role *role);
/* Transactions of @db check it from now on; @role outlives @db. */
void store_role_fence(const struct store_role *role, struct db *db);
/* Gives it up at once. NULL is nothing. */
void store_role_release(struct store_role *role);
/* Has any program the role now? */
bool store_role_is_taken(const char *where, const char *name);
