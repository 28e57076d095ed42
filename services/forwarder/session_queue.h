/*
 * The events of one session on their way to one destination. One delivery of a queue is in flight at a time, so that a
 * session keeps its order. A queue exists while it holds something.
 *
 *            .------------------ the event was delivered ------------------.
 *            v                                                             |
 *   .---> IDLE ---- it holds something ----> READY ---- is sent ----> SENDING
 *   |      |                                 ^  |                          |
 *   |      | a stored retry is loaded        |  | the log cannot           | failed
 *   |      v                                 |  v be read yet              v
 *   |    WAITING <-----------------------------+------------------------ WAITING
 *   '------' its time has come, or an operator or a recovered destination does not let it wait
 *
 * A dead letter that is redelivered has a queue of its own kind: the later events of its session were
 * delivered long ago, so nothing waits behind it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/policy/delivery.h"
#include "services/forwarder/queued_event.h"

enum queue_state { QUEUE_IDLE, QUEUE_READY, QUEUE_SENDING, QUEUE_WAITING, QUEUE_STATES };
enum queue_kind { QUEUE_LIVE, QUEUE_REDELIVERY };

struct session_queue {
    struct list in_table;
    struct list in_list; /* of the queues of the same state */
    enum queue_state state;
    enum queue_kind kind;
    struct list events; /* in memory; of a queue with blocked rows only the one that is sent */
    int n_events;
    int n_sent;            /* events in flight, from the first on */
    int64_t blocked;       /* rows in table blocked, that of an event in memory included */
    int64_t spill_from;    /* of the events behind these, in the log: where to go on … */
    int64_t spill_to;      /* … up to here */
    int64_t spill_n;       /* so many of them; 0: there are none */
    struct list in_dirty;  /* of the spills to be stored */
    int64_t first_row_seq; /* of the first event that has a row; 0: none */

    int64_t head_seq;  /* the event that the tries are of; 0: the head has not been sent */
    bool head_has_row; /* in table retry */
    struct delivery_tries tries;
    int64_t next_at; /* boot ms, while WAITING */
    bool alone;      /* a batch with it failed: it is sent by itself */
    uint64_t hash;
    struct str bridge, session;
    char names[];
};

/* Changes the state. A move that the drawing above does not have ends the process: it is a mistake in this program. */
void session_queue_move(struct session_queue *q, enum queue_state to);

struct queued_event *session_queue_first(const struct session_queue *q); /* NULL: none in memory */
void session_queue_append(struct session_queue *q, struct queued_event *ev);
void session_queue_drop(struct session_queue *q, struct queued_event *ev); /* frees it */

bool session_queue_has_rows(const struct session_queue *q);
bool session_queue_is_empty(const struct session_queue *q);
/* Its head has been sent before: it is retried. */
bool session_queue_is_retry(const struct session_queue *q);
/* The event with this seq has a row from now on. */
void session_queue_note_row(struct session_queue *q, int64_t seq);
/* The head was delivered or given up: the next event has tries of its own. */
void session_queue_forget_head(struct session_queue *q);
/* The tries are those of the event that is sent now: counts a send. */
void session_queue_note_send(struct session_queue *q, int64_t seq);
