/*
 * Alerts in state.db: the active ones (one row per root cause), and the outbox of those that the sinks have
 * not taken yet. The monitor writes here, and the forwarder for its destinations.
 *
 * Every function runs inside the caller's transaction if there is one, else in its own.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/store/db.h"
#include "common/store/sessions.h"

#define ALERTS_NAME_MAX 32
/* A note for all sinks: the alert sender makes one for each that wants it. */
#define ALERTS_SINK_ALL   "*"
#define ALERTS_DETAIL_MAX 512
/* A sink that stays away for days: the oldest notes go first. 2,000 of them are half a megabyte. */
#define ALERTS_OUTBOX_MAX 2000

#define ALERTS_NONE  1 /* answer: no such row */
#define ALERTS_THERE 2 /* answer: such a row is there already */

struct alert_row {
    char name[ALERTS_NAME_MAX];
    char bridge[SESSIONS_ID_MAX];
    char session[SESSIONS_ID_MAX]; /* "": of the bridge, or of many sessions */
    int64_t since;                 /* wall ms */
    char cause[32];
    char detail[ALERTS_DETAIL_MAX];
    bool grouped; /* one of many: the row of the same name without a session stands for it */
};

/* Inserts or overwrites. */
int alerts_raise(struct db *db, const struct alert_row *row);
/* Inserts, for a program that several of may raise the same alert. Returns 0, ALERTS_THERE (the row is left as it is), or -errno. */
int alerts_begin(struct db *db, const struct alert_row *row);
/* Returns 0, ALERTS_NONE (it was not raised), or -errno. */
int alerts_clear(struct db *db, const char *name, const char *bridge, const char *session);
/* In order of name and session; @bridge NULL: all. A non-zero return of @on_row stops and is passed up. */
int alerts_each(struct db *db, const char *bridge, int (*on_row)(void *ctx, const struct alert_row *row),
                void *ctx);

/* One change of an alert, for one sink. */
struct alert_note {
    int64_t n; /* its place in the outbox: ascending */
    struct alert_row row;
    bool firing;
    int64_t at; /* wall ms of the change */
    int64_t tries;
};

/* Appends a note for @sink; *ret_dropped grows when an older one had to go for it. */
int alerts_post(struct db *db, const char *sink, const struct alert_row *row, bool firing, int64_t at,
                int64_t *ret_dropped);
/* The oldest notes for @sink, up to @max of them. Returns 0 or -errno. */
int alerts_read(struct db *db, const char *sink, struct alert_note *ret, int max, int *ret_n);
int alerts_sent(struct db *db, const char *sink, int64_t n); /* takes those up to @n out of the outbox */
/* Notes for @from become notes for @to, behind those that it has. Alerts of which both the beginning and the end are among
 * them are left out: they came and went. */
int alerts_release(struct db *db, const char *from, const char *to);
int alerts_failed(struct db *db, int64_t n); /* counts a try */
int alerts_waiting(struct db *db, const char *sink, int64_t *ret);
/* The names that have notes, ALERTS_SINK_ALL too; @on_sink may forget that one. */
int alerts_sinks_each(struct db *db, int (*on_sink)(void *ctx, const char *sink), void *ctx);
/* A sink that is not set any more wants nothing. */
int alerts_forget_sink(struct db *db, const char *sink);

/* ---- alerts of before ------------------------------------------------------------------------ */

/* Kept, the newest: some 2 MiB. */
#define ALERTS_CHANGES_MAX 10000

struct alert_change {
    int64_t n; /* ascending */
    struct alert_row row;
    bool firing;
    int64_t at; /* wall ms */
};
/* An alert began or ended; grouped ones are not noted. */
int alerts_note_change(struct db *db, const struct alert_row *row, bool firing, int64_t at);
/* Newest first, of n < @before_n (0: from the newest). A non-zero return of @on_change stops and is passed up. */
int alerts_each_change(struct db *db, int64_t before_n, int limit,
                       int (*on_change)(void *ctx, const struct alert_change *c), void *ctx);
