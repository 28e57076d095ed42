/*
 * Roles: work that one program of a stack does at a time, as delivering to a destination. The programs that may have the
 * roles of a kind are its crew; each of them knows how many there are and which member has which role, so that they can share (common/policy/share.h).
 *
 * In a folder the crew is one program: all roles of a kind are one lock file, which ends with its holder. In a database
 * a role is a row with a lease and a fence: a number that grows with each change of the holder.
 *
 * The holder's writes are fenced (store_role_fence()): a transaction of a program that was paused, or cut off, and that
 * another one has taken the role from meanwhile, fails with -EPERM. Calls to the outside are not; so the holder stops to
 * act when store_role_is_held() says so, which it knows by its own clock.
 *
 * A role is free when its holder gave it up, when its lease is over by the server's clock, or when the taker has seen no
 * renewal for the time of a lease by its own clock: a server whose clock was set back, or that took over with a clock
 * behind, keeps no role from anybody.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct db;
struct store_crew;
struct store_role;

/* A lease lasts so long after its last renewal. */
#define STORE_ROLE_LEASE_MS 10000
/* For all roles of this process, before the first is taken; the same in all programs of a stack. */
void store_role_set_lease(int64_t lease_ms);
int64_t store_role_lease_ms(void);
/* A lease is renewed, and the others are looked at, so often: a take-over comes at most so long after the end of a lease. */
int64_t store_role_renew_ms(void);
/* The holder stops so much before the lease ends. */
int64_t store_role_margin_ms(void);

#define STORE_ROLE_TAKEN    1   /* answer: another program has it */
#define STORE_ROLE_NAME_MAX 96  /* "forward.crm", with its NUL */
#define STORE_CREW_ROLES    320 /* that are known of a crew, at most, with a row for each program */

struct store_crew_view {
    int members; /* programs that are alive, this one included */
    int least;   /* roles of the one that has the fewest, without this one; 0 when it is alone */
};

/* @kind: "monitor", "forward"; letters alone. Nothing is read or written yet. Returns 0 or -ENOMEM. */
int store_crew_open(const char *where, const char *kind, struct store_crew **ret);
void store_crew_close(struct store_crew *crew); /* roles are to be released before; NULL is nothing */
/* Each store_role_renew_ms(): renews all roles that this program has, and its own sign of life. Returns 0, or a negative
 * of db_open_state() (not renewed now: roles are held until store_role_is_held() is false). */
int store_crew_renew(struct store_crew *crew, struct store_crew_view *ret);
/* After store_crew_renew(): may it be taken, as far as that has seen? @role: "" or a name of [A-Za-z0-9_-]. */
bool store_crew_is_free(const struct store_crew *crew, const char *role);
/* Returns 0, STORE_ROLE_TAKEN, or a negative of db_open_state(). */
int store_crew_take(struct store_crew *crew, const char *role, struct store_role **ret);

/* False when another program has taken it, and when the lease may have ended, as after a pause. */
bool store_role_is_held(const struct store_role *role);
/* Ms until store_role_is_held() becomes false by itself. */
int64_t store_role_left_ms(const struct store_role *role);
/* Transactions of @db check it from now on, and no other role. */
void store_role_fence(const struct store_role *role, struct db *db);
/* Gives it up at once. NULL is nothing. */
void store_role_release(struct store_role *role);

/* A role of a database, for people. */
struct store_role_row {
    char name[STORE_ROLE_NAME_MAX],
        holder[STORE_ROLE_NAME_MAX]; /* "forward.crm"; the last one, if it is not held */
    int64_t since;                   /* wall ms: when that one took it */
    int64_t fence;
    bool held;
    bool given;  /* not held because its holder gave it up; else the lease has ended */
    int members; /* programs of its kind that are alive */
};
/* In order of name; a folder has none. A non-zero return of @on_row stops and is passed up. Returns 0 or a negative of
 * db_open_state(). */
int store_roles_each(const char *where, int (*on_row)(void *ctx, const struct store_role_row *row),
                     void *ctx);
/* Has any program the role "" of @kind now? */
bool store_role_is_taken(const char *where, const char *kind);
