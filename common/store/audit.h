/*
 * The audit list in state.db: each change with its actor and its time. The console and the CLI write it.
 *
 * Every function runs inside the caller's transaction if there is one, else in its own.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/store/db.h"
#include "common/store/sessions.h"

#define AUDIT_ACTOR_MAX   96
#define AUDIT_ADDRESS_MAX 64
#define AUDIT_ACTION_MAX  48
#define AUDIT_DETAIL_MAX  320
/* Rows that are kept, the newest: some 20 MiB. */
#define AUDIT_MAX 100000

struct audit_row {
    int64_t n;                       /* ascending */
    int64_t at;                      /* wall ms */
    char actor[AUDIT_ACTOR_MAX];     /* "operator@127.0.0.1", "token:deploy", "cli:root" */
    char address[AUDIT_ADDRESS_MAX]; /* of the peer, "": none */
    char action[AUDIT_ACTION_MAX];   /* "session.park" */
    char bridge[SESSIONS_ID_MAX], session[SESSIONS_ID_MAX]; /* "": none */
    char detail[AUDIT_DETAIL_MAX];
    bool ok;
};

/* Appends; n of the row is ignored, *ret_n is its number. The oldest beyond AUDIT_MAX go. */
int audit_add(struct db *db, const struct audit_row *row, int64_t *ret_n);
/* Newest first, of n < @before_n (0: from the newest); @bridge and @session NULL: any. A non-zero return of @on_row
 * stops and is passed up. */
int audit_each(struct db *db, const char *bridge, const char *session, int64_t before_n, int limit,
               int (*on_row)(void *ctx, const struct audit_row *row), void *ctx);
