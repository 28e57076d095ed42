/*
 * This program's part of the roles of a kind: taken, renewed, shared with the other programs of the crew, and lost. With
 * a store in a folder one program has all of them or none.
 *
 *   free ──taken──► held ──another program has too few: give()──► given up by role_share_leave()
 *                    └──the lease ended, or another program took it──► lost
 */
#pragma once

#include "common/app/app.h"
#include "common/store/role.h"

/* Each bridge is a role, and the stack one more. */
#define SHARE_ROLES_MAX 257

struct role_share;

struct role_share_options {
    struct app *app;
    const char *where, *kind; /* borrowed */
    /* The role with this number was taken, or lost: role_share_role() says which. After a loss nothing may be started
     * any more. */
    void (*changed)(void *ctx, int i);
    /* Finish the work that is under way, then call role_share_leave(). NULL: roles are left at once, with changed(). */
    void (*give)(void *ctx, int i);
    void *ctx;
};
/* No callback comes before this returns. Returns 0 or -ENOMEM. */
int role_share_open(const struct role_share_options *o, struct role_share **ret);
void role_share_close(struct role_share *s); /* releases all without a callback; NULL is nothing */

/* The roles of the stack, by their names ("" is one, too), borrowed until the next call. Those that are held and not
 * named any more are released; the others keep their holder and get their new number. @n <= SHARE_ROLES_MAX. */
void role_share_name(struct role_share *s, const char *const *names, int n);
/* NULL: not held by this program. */
struct store_role *role_share_role(const struct role_share *s, int i);
/* Why role_share_role() is NULL: STORE_ROLE_TAKEN, or -errno when that is not known. */
int role_share_problem(const struct role_share *s, int i);
bool role_share_has_looked(const struct role_share *s); /* once at least */
void role_share_leave(struct role_share *s, int i);
/* The database does not answer, as a role's work has found. True for the first that finds it since role_share_outage_ended():
 * one line a program is enough, however many roles it has. */
bool role_share_outage_is_news(struct role_share *s);
void role_share_outage_ended(struct role_share *s);
/* Looks at once, not at the next turn. */
void role_share_look(struct role_share *s);
