/* The inside of an event log in SQLite, for the files event_*.c of this folder alone. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/store/events_log.h"
#include "common/store/log_engine.h"

/* Where the expiry of deduplication keys stands: the key it looked at last. */
struct key_cursor {
    int64_t time_ms;
    uint8_t digest[EVENT_DIGEST_BYTES];
};

struct sqlite_log {
    struct event_log log; /* first */
    struct db *db;
    char *dir;
    int lock_fd;
    int64_t new_head, new_oldest; /* with the open transaction */
    int64_t mark_at;              /* time of the newest horizon mark, 0: none yet */
    int64_t new_mark_at;
    int64_t rejected_rows, rejected_bytes; /* -1: to be counted */
    struct key_cursor expiry;
    struct event_wal wal;
};

static inline struct sqlite_log *sqlite_log(const struct event_log *l)
{
    return (struct sqlite_log *)l;
}

/* event_wal.c */

/* Reads the WAL that a crash left and writes it again, with an fsync. */
int sqlite_wal_rewrite(const char *dir);
void sqlite_wal_watch(struct sqlite_log *l);
void sqlite_log_wal(const struct event_log *l, struct event_wal *ret);
int sqlite_log_checkpoint(struct event_log *l);
int sqlite_log_truncate(struct event_log *l);
int sqlite_log_holders(const struct event_log *l, int64_t *ret_pids, int max);

/* event_retain.c */
int sqlite_log_prune(struct event_log *l, const struct event_retention *rule, int64_t now_ms, int rows_max,
                     struct event_pruned *ret);
/* Bytes of the file that are in use (freed pages are not). */
int sqlite_log_used_bytes(struct event_log *l, int64_t *ret);
