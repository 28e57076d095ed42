/* A connection to PostgreSQL, for the files of this folder alone. No call waits longer than its limit, and while it waits
 * the loop's watcher is served (store_set_waiting()). */
#pragma once

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/store/engine.h"
#include "common/store/role.h"

/* An answer of the server that takes longer counts as none: webhook-ingest has to answer its senders, and an operator
 * waits for /health. The server's own limits (schema.c) are shorter, so that it says itself why. */
#define PG_ANSWER_MS 5000
/* Of one host, with its TLS and password. */
#define PG_CONNECT_MS 2000

/* Stands before the code of an error that the server has sent, in every text that is kept of it. */
#define PG_SQLSTATE "SQLSTATE "
/* The error of pg_pooling_check(). */
#define PG_SHARED_SESSION "one connection's transactions came in several sessions"

/* The parts of a store; each has a PostgreSQL schema of its own, in which the tables have the names they have in SQLite. */
enum pg_part { PG_STATE, PG_EVENTS, PG_FORWARD, PG_CONTROL, PG_PART_N };

struct pg_wire;

/* A part, opened. */
struct pg_db {
    struct db db; /* first */
    struct pg_wire *wire;
    struct pg_db *next; /* on the same wire (wire.h) */
    PGconn *conn;       /* the wire's */
    enum pg_part part;
    bool reader;         /* opened for reading alone */
    bool in_transaction; /* of db_begin() */
    bool snapshot;       /* BEGIN was sent for reads */
    int64_t changes;
    int64_t n_notified;               /* commits of others */
    const char *who;                  /* db_notify_as(), NULL: nobody in particular */
    bool others;                      /* others than those have committed since db_notify_take() */
    bool wrote;                       /* the transaction has changed rows */
    bool defers;                      /* the transaction is one of db_begin(): deferred.h */
    char bridge[STORE_ROLE_NAME_MAX]; /* whose rows it locks, "": all of the part */
    bool begin_deferred;              /* BEGIN is not sent yet */
    int n_deferred;                   /* statements whose answers are not read yet */
    bool committed;                   /* the last of them was a COMMIT that happened */
    /* A role that this part acts for: every transaction checks its fence. */
    const char *role; /* NULL: none; else role_name */
    bool role_lost;   /* another program has it: the part is broken when the transaction is rolled back */
    char role_name[STORE_ROLE_NAME_MAX];
    int64_t fence;
    char timeline[16];     /* of the server (place.h); "": it has none */
    int wake_fd, watch_fd; /* pg_notify_fd() of a wire with several users; -1: not asked for */
    struct buf forgotten;  /* statements that nobody needs any more, on a wire that stays */
};

static inline struct pg_db *pg_db(const struct db *db)
{
    return (struct pg_db *)db;
}

const char *pg_schema_of(enum pg_part part);

/* A connection of its own. @where: a URI. Returns 0, -ENOTCONN (no server answers), -EACCES (it refuses the user), -ENOENT (no
 * such database), -ENOTSUP (too old a server, or an encoding that has not all letters), or another negative; the detail is in
 * *ret_error when that is not NULL. */
int pg_connect(const char *where, enum pg_part part, struct pg_db **ret, char *ret_error, size_t n);
/* The same, on the wire that this thread's parts share when it has called store_share_connection(). */
int pg_join(const char *where, enum pg_part part, struct pg_db **ret, char *ret_error, size_t n);
void pg_close(struct db *db);
/* False when the part has to be opened anew. */
bool pg_is_usable(const struct pg_db *d);
/* To be called before anything is sent. Returns 0, -ENOTCONN, -EAGAIN (pg_is_serving()), or -EPROTO: another part's transaction
 * is open on this wire, which would take the statement with it. */
int pg_may_send(struct pg_db *d);

/* Inside of a callback that is served while a call waits: no call to the store can be made then, it returns -EAGAIN. */
bool pg_is_serving(void);

/* Runs @sql, one statement or several, and drops its rows. */
int pg_exec(struct db *db, const char *sql);
/* Runs @sql; *ret, its last result, is to be cleared, also on failure. */
int pg_ask(struct pg_db *d, const char *sql, PGresult **ret);
/* The last result of the statements that were sent, within @limit_ms; *ret is to be cleared, also on failure. Returns 0 or -errno. */
int pg_result(struct pg_db *d, int limit_ms, PGresult **ret);
/* Counts the notifications of others' commits that have come, for each part of the wire; those of this session are @d's own. */
void pg_take_notifications(struct pg_db *d);
/* Sends all that libpq holds back. */
int pg_flush(struct pg_db *d, int limit_ms);
/* The next result, NULL at the end of one query's. */
int pg_next_result(struct pg_db *d, int limit_ms, PGresult **ret);
/* Turns a result into a return, and keeps its text. */
int pg_check(struct pg_db *d, const PGresult *res);
/* The connection is of no use any more, for none of its parts. Returns -ENOTCONN. */
int pg_lost(struct pg_db *d, const char *why);
/* Keeps the first line. */
void pg_keep_error(struct pg_db *d, const char *text);
/* For wire.c; @part: of the session's name. Returns as pg_connect(). */
int pg_connect_any(const char *where, const char *part, PGconn **ret, char *ret_error, size_t n);
