/*
 * One connection to the server (PGconn) with the parts of the store that use it. Most connections have one; a thread that has
 * called store_share_connection() has one for all its parts, as they come and go.
 *
 * The parts' statements stand in one session, so a transaction is one part's at a time, the owner's: a statement of another part
 * is refused meanwhile (pg_may_send()), for a rollback would take it back. So a part may join if it ends each
 * transaction in the function that began it. All of them are lost with the connection, and each is opened anew by its user.
 */
#pragma once

#include <stdbool.h>

#include "common/store/postgres/connection.h"

struct pg_wire {
    PGconn *conn;
    char *where; /* NULL: others cannot join */
    struct pg_db *users;
    const struct pg_db *owner; /* whose transaction is open, NULL: nobody's */
    int n_statements;          /* for their names */
    bool has_begin;            /* the statements of pg_defer_begin() are prepared */
    bool lost;
    struct pg_wire *next; /* of those of this thread that others can join */
};

static inline bool pg_wire_is_shared(const struct pg_db *d)
{
    return d->wire->where != NULL;
}

/* BEGIN is sent. */
void pg_wire_own(const struct pg_db *d);
/* Its end was answered; a session that is in a transaction all the same is lost. */
void pg_wire_disown(struct pg_db *d);
/* store_share_connection() */
void pg_share_connection(bool on);
/* db_notify_fd(): one for each part. Returns 0 or -errno. */
int pg_wire_watch(struct pg_db *d, int *ret_fd);
/* Takes in what woke it. */
void pg_wire_woken(const struct pg_db *d);
