/*
 * The backlog of one destination: every event that was read from the log and is not done with. It is in memory, or has
 * a row of forward.db (queue_rows.h), or both; and it is in the queue of its session. The backlog decides
 * which event may be sent next, and records the result of each delivery.
 *
 * Functions that return int return 0 or -errno; the group commit knows of the error already.
 */
#pragma once

#include "common/app/event_filter.h"
#include "common/policy/delivery.h"
#include "services/forwarder/dead_letters.h"
#include "services/forwarder/queued_event.h"

/* Of a queue that keeps others from being read so many events stay in memory. */
#define BACKLOG_KEEP 8

struct backlog;
struct session_queue;

struct backlog_options {
    struct app *app; /* borrowed, as all of these */
    struct stores *stores;
    struct group_commit *commit;
    struct dead_letters *dead;
    const struct delivery_schedule *schedule;
    const struct destination_filter *filter;
    struct dead_letter_of of;
    int64_t destination; /* its id in forward.db */
    int64_t floor;       /* as stored, with the bits above it */
    struct str done;
};
/* Loads the stored state: rows become queues, acknowledgements of forward.acks become bits. */
int backlog_open(const struct backlog_options *o, struct backlog **ret);
void backlog_close(struct backlog *b); /* NULL is nothing */

/* ---- in -------------------------------------------------------------------------------------- */

/* Takes the next event of the log. @wanted: the destination's filter lets it through. */
int backlog_add(struct backlog *b, const struct event *e, bool wanted);
/* The log begins with @first_seq: the events before it that were needed are lost, and a dead letter says so. */
int backlog_skip_gap(struct backlog *b, int64_t first_seq);
/* All up to @seq has been added. Until then no event after it is sent: it could overtake one that is read again. */
void backlog_read_up_to(struct backlog *b, int64_t seq);
int64_t backlog_position(const struct backlog *b);
/* A dead letter that is redelivered. */
int backlog_add_letter(struct backlog *b, const struct forward_dead *letter);

/* ---- which is next --------------------------------------------------------------------------- */

bool backlog_has_new(const struct backlog *b);   /* a queue is ready whose head has not failed */
bool backlog_has_retry(const struct backlog *b); /* … whose head has failed before */
/* So many queues at least are ready and have not failed. */
bool backlog_has_new_queues(const struct backlog *b, int64_t n);
int64_t backlog_new_events(const struct backlog *b, int64_t enough); /* of these, counted up to @enough */
/* The queue that is next: queues that failed alternate with queues that did not; @new_first: as long as there
 * are some that did not, they go first. NULL: none is ready. */
struct session_queue *backlog_next(struct backlog *b, bool new_first);
/* It is sent in a request of its own: it would make others of the same batch fail. */
bool backlog_goes_alone(const struct session_queue *q);

struct backlog_entry {
    struct session_queue *queue;
    struct queued_event *event;
};
/* Takes up to @room events of the ready queue @q: it is SENDING then. *ret_n is 0 when its first event cannot be sent
 * now: it is not in the log any more, or the log cannot be read. */
int backlog_take(struct backlog *b, struct session_queue *q, int room, struct backlog_entry *ret, int *ret_n);
/* Queues whose time has come are ready. Returns when the next one's comes (boot ms), 0: none waits. */
int64_t backlog_wake(struct backlog *b, int64_t now_ms);

/* ---- out ------------------------------------------------------------------------------------- */

struct delivery_tries *backlog_tries(struct session_queue *q);
uint64_t backlog_session_hash(const struct session_queue *q);
/* It was delivered. */
int backlog_done(struct backlog *b, const struct backlog_entry *e);
/* It failed, and that counts against it: it waits, or is given up. */
int backlog_failed(struct backlog *b, const struct backlog_entry *e, const struct dest_breaker *breaker,
                   const struct delivery_failure_facts *facts, const struct delivery_error *error);
/* A dead letter's redelivery has ended: the event leaves the memory. */
void backlog_forget_letter(struct backlog *b, const struct backlog_entry *e);
/* A batch failed, and nobody knows because of which event: this queue goes alone next. */
void backlog_set_alone(struct session_queue *q);
/* The request with these entries has ended: their queues go on, wherever the events are now. */
void backlog_release(struct backlog *b, const struct backlog_entry *entries, int n);
/* The destination was at fault all along: tries of the breaker's present streak are given back. */
int backlog_give_back(struct backlog *b, const struct dest_breaker *breaker);
/* Stores the events in memory as rows, so that the floor can move on; @keep events of each queue stay in
 * memory. With 0 events in flight get a row too. */
int backlog_spill(struct backlog *b, int keep);

/* ---- operators ------------------------------------------------------------------------------- */

/* Queues that wait are ready now: all, that of @session (STR_NULL: any), that with the event @seq first (0: any). Returns
 * how many. */
int64_t backlog_retry_now(struct backlog *b, struct str session, int64_t seq);
/* The event with this seq, which waits, becomes a dead letter. *ret_found is false when it does not wait: it was
 * delivered, or is in flight. */
int backlog_skip(struct backlog *b, int64_t seq, bool *ret_found);

/* ---- stored and shown ------------------------------------------------------------------------ */

/* In the transaction: writes the window of acknowledgements if one changed it (@all: or anything else did). */
int backlog_save(struct backlog *b, bool all);
/* Newest seq that this destination does not need any more. */
int64_t backlog_needs(struct backlog *b);

struct backlog_counts {
    int64_t events;    /* in memory */
    size_t bytes;      /* of these */
    int64_t retry;     /* rows: events that failed and wait */
    int64_t blocked;   /* events behind these, with a row or spilled */
    int64_t oldest_at; /* wall ms when the oldest event came that was not sent yet; 0: there is none */
};
void backlog_count(struct backlog *b, struct backlog_counts *ret);
/* Memory is full, by parts: 1: full; 2: half. */
bool backlog_is_full(const struct backlog *b, int part);
int64_t backlog_rows(const struct backlog *b);   /* blocked ones, and spilled events */
int64_t backlog_events(const struct backlog *b); /* in memory */
