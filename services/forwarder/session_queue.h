/*
 * A queue is a session of a bridge on its way to one destination: a queue of which one delivery at a time is
 * under way. Lanes exist while they hold something.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/list.h"
#include "common/store/events.h"

/* An event in memory. */
struct item {
    struct list in_session;
    struct event event; /* its texts point into data */
    int64_t dead_id;    /* a dead letter that was ordered to be tried again, 0: no */
    bool blocked;       /* has a row in blocked */
    size_t bytes;
    char data[];
};
/* NULL: no memory. */
struct item *item_new(const struct event *e);

enum queue_state {
    QUEUE_EMPTY,   /* nothing to do: may be freed */
    QUEUE_READY,   /* its head may be sent */
    QUEUE_BUSY,    /* its head is under way */
    QUEUE_WAITING, /* its head has failed and waits for its time */
};

struct session_queue {
    struct list in_table;
    struct list in_queue; /* of the queues of the same state */
    enum queue_state state;
    struct list items; /* in memory; of a queue with blocked rows only the one that is sent */
    int n_items;
    int n_sent;            /* items under way, from the first on */
    int64_t blocked;       /* rows in blocked, that of an item included */
    int64_t first_row_seq; /* seq of the first event with a row; 0: none */

    /* The head, when it has failed or has a row in retry; seq 0: it has not. */
    struct {
        int64_t seq;
        int tries; /* counted */
        int sends; /* all */
        bool has_row;
        int64_t failed_in; /* the breaker's row it failed in last, from 1; 0: none of this run */
    } head;
    int64_t next_at;      /* boot ms, while waiting */
    int64_t due_at;       /* boot ms, of its next counted try: it may be tried before */
    int64_t fault_streak; /* of the breaker, in which tries were counted … */
    int fault_tries;      /* … so many */
    bool alone;           /* a batch with it failed: it is sent by itself */
    uint64_t hash;
    struct str bridge, session;
    char names[];
};

#define QUEUE_BUCKETS 4096
struct session_queues {
    struct list bucket[QUEUE_BUCKETS];
    int n;
};
void session_queues_init(struct session_queues *t);
void session_queues_fini(struct session_queues *t); /* frees them and their items */
struct session_queue *session_queues_find(struct session_queues *t, struct str bridge, struct str session);
/* Finds or makes. NULL: no memory. */
struct session_queue *session_queues_get(struct session_queues *t, struct str bridge, struct str session);
void session_queues_free(struct session_queues *t, struct session_queue *q);
/* Calls fn for each; fn may free that queue. */
void session_queues_each(struct session_queues *t, void (*fn)(void *ctx, struct session_queue *q), void *ctx);

struct item *session_queue_first(const struct session_queue *q); /* NULL: none in memory */
void session_queue_push(struct session_queue *q, struct item *it);
void session_queue_push_front(struct session_queue *q, struct item *it);
void session_queue_drop(struct session_queue *q, struct item *it); /* frees it */
