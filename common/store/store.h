/*
 * Opening a store by where it is: a folder (SQLite), or postgresql://… The handles that come back are used in the same
 * way for both; no caller asks which it is.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/store/db.h"
#include "common/store/events.h"
#include "common/store/events_log.h"
#include "common/store/report.h"

/* Is it a database server's address, and not a folder? For a program that has to do with files beside the store. */
bool store_is_server(const char *where);

/* The store's name for people: the folder, or the server without user and password. Returns @ret. */
const char *store_display(const char *where, char *ret, size_t n);
#define STORE_DISPLAY_MAX 256

/* Makes the tables of a database, or brings them to the schema of this zapkeep; safe to run twice. A store in a folder
 * does that by itself when it is opened. Returns 0 or a negative of db_open_state(). */
int store_upgrade(const char *where);
/* The schema that a database has (0: none) and the one that this zapkeep knows. Returns 0 or a negative of db_open_state(). */
int store_schema(const char *where, int *ret_is, int *ret_known);
/* A line for each thing that an operator should know of a database; @parts of enum store_report_part. A folder has no
 * promises, no archive and no roles to report. Returns 0, the return of @on_line, or a negative of db_open_state(). */
int store_report(const char *where, unsigned parts, store_report_fn on_line, void *ctx);
/* Does the address itself hold a password? */
bool store_has_password(const char *where);
/* The password of a database server; "": libpq's own ways (.pgpass). @file: NULL, or where it was read from, which is read anew for each
 * connection. For all connections; @password is copied, @file is kept by reference. */
void store_set_password(const char *password, const char *file);

/*
 * Opens the state; in a folder it is created with its schema. Returns 0, or a negative:
 *
 *   -ENOENT           no such folder; no such database, or no schema in it (zapkeep store init)
 *   -EACCES           the files, or the server, refuse this user
 *   -EPROTONOSUPPORT  written by a newer zapkeep
 *   -EPROTOTYPE       by an older one (zapkeep store upgrade)
 *   -EINPROGRESS      a move of the store runs, or did not end (move.h)
 *   -EBADMSG          not a database
 *   -EUCLEAN          a file beside it belongs to another database
 *   -ENOTSUP          a server before PostgreSQL 15, or a database in another encoding than UTF-8
 *   -ENOTCONN         no server answers
 *   -EROFS, -ENOSPC, …: as in db.h
 */
int db_open_state(const char *where, struct db **ret);
/* Read-only, for a reader that must not wait: -EAGAIN after 100 ms. -ENOENT: not there yet. */
int db_open_state_reader(const char *where, struct db **ret);

/* Writing the log. Returns 0, EVENT_LOG_TAKEN (another process writes it; *ret_pid: whose it is, 0 unknown), or a
 * negative of db_open_state(). */
int event_log_open(const char *where, struct event_log **ret, int64_t *ret_pid);
/* Returns 0 or a negative of db_open_state(); -ENOENT: there is no log yet. */
int event_reader_open(const char *where, struct event_reader **ret);

/* From now on all that this thread opens uses one connection to a database server, as long as it is open; but not the log of
 * events, and what is opened alone. A statement while a transaction of another of them is open is refused (-EPROTO): each transaction
 * has to end in the function that began it. A folder knows no such connection. */
void store_share_connection(bool on);

/* The state of the deliveries, for its owner. @alone: with a connection of its own, for transactions that stay open. Returns 0 or a
 * negative of db_open_state(). */
int forward_open(const char *where, bool alone, struct db **ret);
/* -ENOENT: no forwarder has run here yet. */
int forward_open_reader(const char *where, struct db **ret);

/* @part of the store (STATE_DB_FILE …) for people: the file's name, or "schema zapkeep_state" of a database. */
const char *store_part(const char *where, const char *part);
/* One sentence that says why @part of the store (STATE_DB_FILE …) could not be opened or written with the negative @r,
 * and names the next step: "…/state.db was written by a newer zapkeep (schema 99, this one knows 7): start that
 * version". Returns @ret. */
const char *db_problem(const char *where, const char *part, int r, char *ret, size_t n);
/* For a failure of a database that another thread had: @detail is what its db_error() said. Then db_problem() in this thread. */
void db_problem_detail(int r, const char *detail);
/* Bytes of the store besides the events themselves, as far as they stand on a disk of this machine. */
int64_t db_other_bytes(const char *where);
/* "3.40.1": the SQLite that is linked. */
const char *db_engine_version(void);
