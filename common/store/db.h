/*
 * A connection to a part of the store: transactions, errors, time. Every other file of this folder builds on it; the
 * engine is not visible outside the folder. store.h opens one.
 *
 * The parts, and their rules as SQLite files (the engine of a store in a folder):
 *
 *   events.db   WAL, synchronous=FULL, small page cache. Written and checkpointed by exactly one connection
 *               of exactly one process (webhook-ingest holds the lock file events.lock). Readers open it
 *               with auto-checkpoint off and no checkpoint on close.
 *   state.db    rollback journal (PERSIST), synchronous=FULL. Written by several processes, so never WAL:
 *               SQLite 3.40.1 has the WAL-reset race, which needs a second writing connection. Busy
 *               timeout 10 s.
 *   forward.db  WAL, synchronous=NORMAL, one owner (forward.h).
 *
 * In a database each part is a schema: zapkeep_state, zapkeep_events, zapkeep_forward.
 *
 * A connection, and all that was opened with it, belongs to one thread at a time. A call may wait: for a disk or a lock up to
 * 10 s, for a server up to 5 s, during which the things of waiting.h are served.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/clock.h"

struct db;

/*
 * Negatives of this folder; db_problem() (store.h) makes a sentence for an operator of each:
 *
 *              SQLite                            PostgreSQL
 *   -EAGAIN    BUSY, LOCKED                      a lock, a deadlock or a statement took too long
 *   -ENOSPC    FULL, or an IOERR of that cause   disk_full
 *   -EROFS     READONLY                          a standby
 *   -EIO       IOERR (a failed fsync:            io_error
 *              db_sync_failed())
 *   -EBADMSG   CORRUPT, NOTADB                   data_corrupted
 *   -ENOTCONN  –                                 the connection is lost, or no server answers
 *   -EPERM     –                                 another program has the role (role.h)
 *   -EPROTO    anything else: our mistake
 *
 * The parts, for db_problem() and as the names of their files.
 */
#define STATE_DB_FILE  "state.db"
#define EVENTS_DB_FILE "events.db"
/* SQLite closes it after each commit into state.db; a watcher of the file sees that. */
#define STATE_JOURNAL_FILE STATE_DB_FILE "-journal"

void db_close(struct db *db); /* NULL is nothing; an open transaction is rolled back */

/* Does this error pass by itself (a full disk, a server that is away, a lock, a role that another program took)? */
bool db_error_passes(int r);

/* One transaction at a time. db_begin takes the write lock (BEGIN IMMEDIATE); with a database server the first statement does, and
 * writes are sent with a later one: a failure comes at the latest from db_commit. Return 0 or -errno. */
int db_begin(struct db *db);
/* For a transaction that reads and writes rows of this bridge alone: with a database server those of other bridges go on beside it. */
int db_begin_bridge(struct db *db, const char *bridge);
int db_commit(struct db *db);                /* on failure the transaction is rolled back */
void db_rollback(struct db *db);             /* nothing without a transaction */
bool db_in_transaction(const struct db *db); /* of db_begin() */

/* Several reads as one: they see one state of things, and lock and check the file once. Nothing may be
 * written in between, and db_begin() not be called. Call the end also after a read that failed. */
int db_begin_reads(struct db *db);
void db_end_reads(struct db *db);

/* A number that changes when another connection has committed something, never by a commit of our own: a
 * cheap way to see whether the rows in memory are still current. Returns 0 or -errno. */
int db_data_version(struct db *db, int64_t *ret);

/* Commits of others as they come, for a loop. A hint and no more, as the bus: a commit whose hint is lost is found by a sweep.
 *
 * @who (kept by reference): the commits of this connection are announced so; db_notify_take() does not count those of
 * connections with the same one. */
void db_notify_as(struct db *db, const char *who);
/* *ret: a descriptor that is readable when others have committed, until the connection breaks or is closed; -1: this
 * engine has none, watch its file. Returns 0 or -errno. */
int db_notify_fd(struct db *db, int *ret);
/* Takes in all that has come, without waiting. Returns 1: others have committed, 0: they have not, or -errno: the
 * connection is lost. */
int db_notify_take(struct db *db);

/* The text of the last failure, for a log line; until the next call with @db. */
const char *db_error(const struct db *db);
/* True from the first fsync that failed on, or since another file (or none) stands at the path: the
 * connection is of no use any more, open the file again. A commit into a file that is not in its place
 * returns -ESTALE, as does db_begin_reads(). */
bool db_sync_failed(const struct db *db);
/* For tests and doctor: 0 when it can write and sync a row now. */
int db_check_writable(struct db *db);
/* Does the server answer? One round trip and no transaction, so that it may be asked every few seconds. A file always does, and
 * nothing is asked within a transaction. Returns 0 or -ENOTCONN. */
int db_ping(struct db *db);

/*
 * Steady time: ms that never run backwards nor jump forward when somebody sets the clock, the same in every
 * process that shares state.db, and that go on after a restart of the machine. Kept in state.db as (boot id,
 * boot ms, steady ms); within a boot it is steady + elapsed CLOCK_BOOTTIME, in a new boot it goes on from the
 * last value stored plus the time since the boot: never more than the time that really passed, so a spacing
 * measured with it is never too short. Every interval of the policy (due, spacing, lease, breaker, bucket) is
 * in steady ms; times for people are in wall ms.
 */
struct now {
    int64_t wall_ms;
    int64_t steady_ms;
};
/* Reads the time; inside a transaction (db_begin) it also stores the anchor when it is of another boot or
 * older than 1 s, so that no committed time is ever ahead of a later steady time. Returns
 * 0 or -errno. */
int steady_now(struct db *db, struct clock *clock, struct now *ret);
/* A steady time on the wall, for people. */
int64_t steady_to_wall(const struct now *now, int64_t steady_ms);
