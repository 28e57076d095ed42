/*
 * A real PostgreSQL server under the simulated processes. Each seed has a database of its own, and that database has the
 * world's clock.
 *
 * The engine of the services calls libpq; the calls that send, wait and connect are linked to postgres_sim.c. A statement
 * travels for some simulated ms, the server runs it in no simulated time, and the answer travels back: in between the
 * process that asked may die (a commit of which nobody knows), or be stopped. A statement that waits for another session's lock
 * goes on waiting until that session ends its transaction; the server says which ones do (pg_blocking_pids), so that the
 * speed of the machine decides nothing. The server's own limits (a lock, a transaction in which nothing happens) are held in
 * simulated time.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "tests/sim/io/world.h"

#define POSTGRES_SIM_URI_MAX 256

/* ---- databases: postgres_sim_server.c -------------------------------------------------------- */

/* Makes the database that those of the seeds are copies of, at the server of @uri. Returns 0, or 1: it says why. */
int postgres_sim_make_template(const char *uri);
void postgres_sim_drop_template(void);
/* In the program of a seed: makes its database. Everything of the seed is to be closed before it is dropped. */
void postgres_sim_open(int64_t seed, int parent, char ret_uri[POSTGRES_SIM_URI_MAX]);
void postgres_sim_drop(int64_t seed, int parent);

/* After it, before the first process starts: the server's limits are held, the connections of a process end with it. */
void postgres_sim_begin(void);

/* ---- for the checks -------------------------------------------------------------------------- */

/* A number that changes with each statement that may have committed something. */
int64_t postgres_sim_commits(void);
/* Nobody is in a transaction that writes the state: the world may do so. */
bool postgres_sim_may_write(void);
bool postgres_sim_is_well(void);

/* ---- faults ---------------------------------------------------------------------------------- */

enum postgres_fault {
    POSTGRES_WELL,
    POSTGRES_SLOW,  /* each way of a statement takes up to @ms */
    POSTGRES_HANGS, /* no answer comes, of statements that were run */
    POSTGRES_DOWN,  /* it has crashed: all connections are broken, none is accepted */
    POSTGRES_BREAKS, /* @ms permille of the statements break their connection: before they are run, or after it */
    POSTGRES_FAULT_N
};
void postgres_sim_fail(enum postgres_fault fault, int64_t ms);
void postgres_sim_heal(void);

/* ---- between the two files ------------------------------------------------------------------- */

/* The server's clock is the world's now. */
void postgres_server_set_clock(void);
/* Does the session wait for a lock of another one? */
bool postgres_server_is_blocked(int pid);
/* As lock_timeout does. */
void postgres_server_cancel(int pid);
/* Ends the session if it is in a transaction in which nothing happens, as idle_in_transaction_session_timeout does. */
void postgres_server_end_idle(int pid);
/* Its client is gone: waits until its transaction is rolled back. */
void postgres_server_wait_gone(int pid);
