/*
 * Writing the event log, from one thread at a time: webhook-ingest's commit thread. A folder has one such process, a database any
 * number.
 *
 *   event_log_begin → event_log_add × n, event_log_reject × n, event_log_prune → event_log_commit
 *
 * Nothing is in the log before event_log_commit() has returned 0; then it is on disk (WAL, synchronous=FULL; or as the server
 * promises it, store_report()). Functions that return int return 0 or -errno unless a line says otherwise.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/text.h"
#include "common/store/events.h"

struct event_log;

/* The lock of the one writer. Its times are set after commits; a watcher of the file sees that. */
#define EVENTS_LOCK_FILE "events.lock"

#define EVENT_DIGEST_BYTES 16

/* A sender's retry is known for this long. zapw gives up after 4 s, others retry for 3 days. */
#define EVENT_DEDUPE_HORIZON_MS (96LL * 3600 * 1000)
/* The keys of this time always stay: most senders are done with their retries by then. */
#define EVENT_DEDUPE_KEEP_MS (3600LL * 1000)

/* Webhooks that were authenticated and could not be read are kept for a person: the newest of them. */
#define EVENT_REJECTED_ROWS_MAX  1000
#define EVENT_REJECTED_BYTES_MAX (16LL * 1024 * 1024)
/* Of one body only the first part is kept. */
#define EVENT_REJECTED_BODY_MAX (64 * 1024)

enum event_log_answer {
    EVENT_LOG_TAKEN = 1, /* another process writes this log, which is in a folder */
    EVENT_DUPLICATE = 2, /* this event is in the log already */
};

/* Rolls an open transaction back, moves the WAL into the file if no reader is in the way. NULL is nothing. */
void event_log_close(struct event_log *l);

/* The text of the last failure, until the next call with @l. */
const char *event_log_error(const struct event_log *l);
/* An fsync failed: what is on the disk is unknown, so the process has to end. Never with a database, whose server sees to that. */
bool event_log_sync_failed(const struct event_log *l);
/* Newest seq committed, 0: none. Oldest kept, 0: none. As far as this process knows: other ingests may have gone on. */
int64_t event_log_head(const struct event_log *l);
int64_t event_log_oldest(const struct event_log *l);
/* The 8 hex digits in the ids of events appended now; others after a backup was put back (events_ids.c). */
const char *event_log_id(const struct event_log *l);
/* "evt_<digits>_<seq>" */
void event_id_format(const char *digits, int64_t seq, char ret[EVENT_ID_MAX]);

/* Its columns are those of struct event. */
struct event_new {
    int64_t at, occurred_at;
    struct str type, bridge, session, message_id, body;
    int64_t key_time_ms;       /* a time that is the same in every retry: keys cluster by it */
    const uint8_t *key_digest; /* EVENT_DIGEST_BYTES; with the time it is the key of deduplication */
    /* The key says only that the bodies are the same: an event that comes later than this behind the first is
     * another one. 0: the key is the event's identity. */
    int64_t merge_ms;
};

/* A request of a sender that is known, which was not taken. */
struct event_rejected {
    int64_t at;
    struct str bridge; /* "" when its path names none */
    const char *reason;
    struct str headers; /* "Name: value\n" lines without credentials */
    struct str body;    /* or its beginning */
    int64_t size;       /* of the whole body, as far as it is known */
};

/* -ENOTCONN: there is no server now. After a negative of any of these the caller rolls back. */
int event_log_begin(struct event_log *l);
/* An event of the transaction. *ret_result (0, or EVENT_DUPLICATE: *ret_seq is that of the first, maybe of this transaction) and
 * *ret_seq are set at the latest when event_log_commit() has returned 0; @e, its texts and both results live until then. */
int event_log_add(struct event_log *l, const struct event_new *e, int *ret_result, int64_t *ret_seq);
/* The same at once, for one event: returns 0, EVENT_DUPLICATE or -errno. In a database each is a trip to the server, which
 * event_log_add() makes for all of a transaction together. */
int event_log_append(struct event_log *l, const struct event_new *e, int64_t *ret_seq);
/* The newest EVENT_REJECTED_ROWS_MAX of them stay, and of a body its beginning. */
int event_log_reject(struct event_log *l, const struct event_rejected *e);
/* Writes a row that means nothing, for "can it commit?". */
int event_log_probe(struct event_log *l, int64_t now_ms);
/* On failure everything since event_log_begin() is rolled back. When the connection broke during a commit this asks the server for as
 * long as 6 s whether it happened. */
int event_log_commit(struct event_log *l);
/* Notifies those who follow the log (common/app/consumer.h): sets the times of the lock file, or sends a NOTIFY. After a
 * commit, when its senders were answered. Returns the ms after which it wants to be called again, 0: it is done. */
int64_t event_log_touch(struct event_log *l);
void event_log_rollback(struct event_log *l);

/* ---- the write-ahead log: of a folder; with a database these do nothing and return 0 ---------- */

struct event_wal {
    int64_t frames;     /* pages in the WAL */
    int64_t backfilled; /* of those, moved into the file; short of frames: a reader holds an old snapshot */
    int64_t bytes;      /* of the frames */
};
/* As of the last commit or checkpoint. */
void event_log_wal(const struct event_log *l, struct event_wal *ret);
/* Moves all that no reader needs into the file, without waiting (PASSIVE); not inside a transaction. When all
 * of it was moved and no reader is in it, the next commit starts the WAL over. Returns 0 or -errno. */
int event_log_checkpoint(struct event_log *l);
/* Moves all and empties the WAL file, if no reader is in it. Returns 0, -EAGAIN (one is) or -errno. */
int event_log_truncate(struct event_log *l);
/* Process ids that hold a snapshot of this WAL now (our own is left out); 0 stands for one that cannot be
 * seen from here (another container). Returns how many, at most @max. */
int event_log_holders(const struct event_log *l, int64_t *ret_pids, int max);

/* ---- retention ------------------------------------------------------------------------------- */

struct event_retention {
    int64_t age_ms;     /* older rows go; 0: never */
    int64_t size_bytes; /* of the events, without their keys: beyond this the oldest rows go; 0: never */
    int64_t hard_bytes; /* beyond this they go although a consumer has not read them; 0: never */
    /* Of all stores together, other_bytes included: beyond this the oldest keys go, down to EVENT_DEDUPE_KEEP_MS, and then events,
     * also unread ones; 0: no limit. */
    int64_t disk_bytes;
    int64_t other_bytes; /* db_other_bytes() */
    int64_t cursor_min;  /* newest seq that every registered consumer is done with; INT64_MAX: no consumer */
};

struct event_pruned {
    int64_t rows;       /* events removed */
    int64_t forced;     /* of those, not yet read by a registered consumer */
    int64_t keys;       /* deduplication keys that expired … */
    int64_t keys_early; /* … of those, before the horizon, because of disk_bytes */
    bool over;          /* the stores are beyond disk_bytes */
    bool held;          /* rows are due and stay because of a consumer's cursor */
    bool more;          /* there is more to remove: call again */
};

/* Removes a slice. The newest event always stays, so that seq goes on after it. In a folder: at most @rows_max events and keys, inside
 * a transaction; pages freed are used again, the file does not shrink. In a database: outside of one, once a second at most, whole
 * partitions where they are due (event_retain.c). */
int event_log_prune(struct event_log *l, const struct event_retention *rule, int64_t now_ms, int rows_max,
                    struct event_pruned *ret);
