/* The inside of the event log, for the files events_*.c alone. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/store/db.h"
#include "common/store/events_log.h"

extern const struct db_schema events_schema;
#define EVENTS_VERSION 1 /* steps in events_schema */

#define LOG_ID_MAX 9 /* 8 hex digits and a NUL */
/* Copies of copies whose ids are told apart; events before the oldest of them have the log's digits again. */
#define EVENT_IDS_MAX 16

/* Which digits stand in the ids of events; see events_ids.c. */
struct event_ids {
    char log[LOG_ID_MAX]; /* the log's */
    int n;
    struct {
        int64_t seq; /* from here on */
        char digits[LOG_ID_MAX];
    } from[EVENT_IDS_MAX]; /* newest first */
};

/* Returns 0, -EBADMSG (not an event log) or a negative of the query. */
int event_ids_load(struct db *db, struct event_ids *ret);
const char *event_ids_of(const struct event_ids *ids, int64_t seq);
/* Events after @head have digits of their own from now on. */
int event_ids_fork(struct db *db, int64_t head);

/* Where the expiry of deduplication keys stands: the key it looked at last. */
struct key_cursor {
    int64_t time_ms;
    uint8_t digest[EVENT_DIGEST_BYTES];
};

struct event_log {
    struct db *db;
    char *dir;
    int lock_fd;
    struct event_ids ids;
    int64_t head, oldest;         /* committed */
    int64_t new_head, new_oldest; /* with the open transaction */
    int64_t mark_at;              /* time of the newest horizon mark, 0: none yet */
    int64_t new_mark_at;
    int64_t rejected_rows, rejected_bytes; /* -1: to be counted */
    struct key_cursor expiry;
    struct event_wal wal;
};

/* Reads the WAL that a crash left and writes it again, with an fsync; see events_wal.c. */
int event_wal_rewrite(const char *dir);
void event_wal_watch(struct event_log *l);
