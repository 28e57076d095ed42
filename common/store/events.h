/*
 * The event log: append-only, dense seq from 1. Rows only.
 *
 * The writer (struct event_log) belongs to webhook-ingest alone and is used from its commit thread; several ingests write one log
 * in a database. Readers (struct event_reader) are anybody's; a read never holds a snapshot longer than one call.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/text.h"

#define EVENT_ID_MAX 40 /* "evt_<8 hex digits>_<seq>" and its NUL */

/* One row. Texts are borrowed from the function that filled it. */
struct event {
    int64_t seq;
    char id[EVENT_ID_MAX];
    int64_t at;                                   /* received, ms since the epoch */
    int64_t occurred_at;                          /* the bridge's time, 0: none */
    struct str type, bridge, session, message_id; /* empty text when there is none */
    struct str body;
};

/* ---- reading --------------------------------------------------------------------------------- */

struct event_reader;

/* Selection of rows: seq >= from_seq, and of those the ones that match. Absent parts match all. */
struct event_filter {
    struct str type_prefix; /* "message." */
    struct str session;
    struct str bridge;
    int64_t since_at, until_at; /* at >= since_at, at < until_at; 0: no bound */
};

void event_reader_close(struct event_reader *r);
/* The text of the last failure, until the next call with @r. */
const char *event_reader_error(const struct event_reader *r);
/* True when the log was removed or replaced since, or the connection to it is lost: open again. */
bool event_reader_is_stale(const struct event_reader *r);
/* Its connection, for db_notify_fd(). */
struct db *event_reader_db(struct event_reader *r);
/* The id of the log that is read: 8 hex digits, the same in a copy of it. */
const char *event_reader_log_id(const struct event_reader *r);
/* The id of the event with this seq, also of one that is not there any more. */
void event_reader_event_id(const struct event_reader *r, int64_t seq, char ret[EVENT_ID_MAX]);

/* Rows of one read; init with EVENT_ROWS_NULL, reuse, fini. */
struct event_rows {
    struct event *rows;
    int n;
    int64_t next_seq; /* where the next read starts: one past the last row looked at, matching or not */
    int64_t head_seq; /* newest seq in the log at that time, 0: empty */
    struct buf bytes; /* the rows point into it */
    int cap;
};
#define EVENT_ROWS_NULL ((struct event_rows){ 0 })
void event_rows_fini(struct event_rows *rows);

/* The most a single read returns: it bounds the time a snapshot is held and the memory of a reader. */
#define EVENT_READ_ROWS_MAX  256
#define EVENT_READ_BYTES_MAX (4 * 1024 * 1024)

/* Reads up to min(limit, EVENT_READ_ROWS_MAX) matching rows with seq >= from_seq, looking at no more than
 * 20,000 rows (a filter that matches nothing comes back with n = 0 and next_seq moved on). At the end of the
 * log n = 0 and next_seq = head_seq + 1, also when from_seq is past that. When rows were removed by
 * retention, it starts at the oldest. @filter may be NULL. Returns 0 or -errno. */
int event_read(struct event_reader *r, int64_t from_seq, const struct event_filter *filter, int limit,
               struct event_rows *ret);
/* The most rows that one call of event_last_received() looks at: it bounds the time a snapshot is held. */
#define EVENT_RECEIVED_ROWS_MAX 100000
/* For each session with a message.received event of seq >= from_seq, bridge by bridge: when the newest one was received,
 * wall ms. @on_session returns 0; its texts live until it returns. *ret_next_seq: where the next call starts; more follows
 * while that is not past the head. Returns 0 or -errno. */
int event_last_received(struct event_reader *r, int64_t from_seq,
                        int (*on_session)(void *ctx, struct str bridge, struct str session, int64_t at),
                        void *ctx, int64_t *ret_next_seq);
/* Oldest and newest seq, 0 and 0 when empty. */
int event_bounds(struct event_reader *r, int64_t *ret_oldest, int64_t *ret_head);
/* The first seq whose at >= at_ms (binary search; head + 1 when none). Near enough where somebody set the
 * clock back. */
int event_seq_at(struct event_reader *r, int64_t at_ms, int64_t *ret_seq);

/* A webhook that was authenticated and could not be read: kept for a person, capped (events_log.h). */
struct rejected {
    int64_t id, at, size;                     /* size: of the whole body */
    struct str bridge, reason, headers, body; /* body: or its beginning */
};
/* Newest first, at most @limit. A non-zero return of @on_row stops and is passed up; its texts live until it returns. Returns 0
 * or -errno. */
int event_read_rejected(struct event_reader *r, int limit,
                        int (*on_row)(void *ctx, const struct rejected *row), void *ctx);
