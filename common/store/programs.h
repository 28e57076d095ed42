/*
 * Signs of life of a stack's programs in a database, where the folder of one machine does not show them (common/app/heartbeat.h).
 * Each program has a row there: monitors and forwarders as members of a crew (role.h), the others by these functions, on the
 * connection that they have anyway.
 *
 *   alive ──no sign for seven leases: killed, cut off, paused──► dead ──a sign──► alive
 *     └──────────────an orderly stop──────────► stopped
 *
 * Rows of programs that are not alive are kept for a day.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/store/role.h"

struct db;
struct event_log;

#define PROGRAM_KIND_MAX 24
/* A program counts as alive for so many leases after its sign: two lost ones, and a third that is late. */
#define PROGRAM_LEASES 7

/* Of this process. */
struct program_sign {
    char kind[PROGRAM_KIND_MAX];
    char member[STORE_ROLE_NAME_MAX], holder[STORE_ROLE_NAME_MAX];
    int64_t next_ms; /* boot time of the next sign */
};
/* @kind: "ingest", "worker"; letters alone. */
void program_sign_init(struct program_sign *s, const char *kind);
/* Gives the sign when it is due, each third lease; a file has none. Not within a transaction. Returns 0 or -errno. */
int program_sign_give(struct program_sign *s, struct db *db);
/* The same on the connection of a log. */
int event_log_sign(struct event_log *l, struct program_sign *s);
/* An orderly stop. As far as it can be said. */
void program_sign_stop(struct program_sign *s, struct db *db);
void event_log_sign_stop(struct event_log *l, struct program_sign *s);

enum program_life { PROGRAM_ALIVE, PROGRAM_DEAD, PROGRAM_STOPPED };

struct program_row {
    char kind[PROGRAM_KIND_MAX]; /* "monitor", "forward", "ingest", "worker" */
    char role
        [STORE_ROLE_NAME_MAX]; /* "" for a program; else this is a role of the kind, which is alive while it is held */
    char holder[STORE_ROLE_NAME_MAX]; /* "HOST pid 123 (ab12)" */
    enum program_life life;
    int64_t until;     /* wall ms of the server: it counts as alive until then, or was stopped then */
    int64_t signed_at; /* … its last sign */
    int64_t since;     /* … when it started, or a role was taken */
    int64_t gone_ms;   /* since then, 0: it is alive */
};
/* All programs and roles; a file has none. A non-zero return stops and is passed up. Returns 0 or -errno. */
int programs_each(struct db *db, int (*on_row)(void *ctx, const struct program_row *row), void *ctx);
