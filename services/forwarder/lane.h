/*
 * A lane is a session of a bridge on its way to one destination: a queue of which one delivery at a time is
 * under way. Lanes exist while they hold something.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/list.h"
#include "common/store/events.h"

/* An event in memory. */
struct item {
    struct list in_lane;
    struct event event; /* its texts point into data */
    int64_t dead_id;    /* a dead letter that was ordered to be tried again, 0: no */
    bool held;          /* has a row in held */
    size_t bytes;
    char data[];
};
/* NULL: no memory. */
struct item *item_new(const struct event *e);

enum lane_state {
    LANE_EMPTY,   /* nothing to do: may be freed */
    LANE_READY,   /* its head may be sent */
    LANE_BUSY,    /* its head is under way */
    LANE_WAITING, /* its head has failed and waits for its time */
};

struct lane {
    struct list in_table;
    struct list in_queue; /* of the lanes of the same state */
    enum lane_state state;
    struct list items; /* in memory; of a lane with held rows only the one that is sent */
    int n_items;
    int n_sent;        /* items under way, from the first on */
    int64_t held;      /* rows in held, that of an item included */
    int64_t first_row; /* seq of the first event with a row; 0: none */

    /* The head, when it has failed or has a row in retry; seq 0: it has not. */
    struct {
        int64_t seq;
        int tries; /* counted */
        int sends; /* all */
        bool row;
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

#define LANE_BUCKETS 4096
struct lanes {
    struct list bucket[LANE_BUCKETS];
    int n;
};
void lanes_init(struct lanes *t);
void lanes_fini(struct lanes *t); /* frees them and their items */
struct lane *lanes_find(struct lanes *t, struct str bridge, struct str session);
/* Finds or makes. NULL: no memory. */
struct lane *lanes_get(struct lanes *t, struct str bridge, struct str session);
void lanes_free(struct lanes *t, struct lane *l);
/* Calls fn for each; fn may free that lane. */
void lanes_each(struct lanes *t, void (*fn)(void *ctx, struct lane *l), void *ctx);

struct item *lane_first(const struct lane *l); /* NULL: none in memory */
void lane_push(struct lane *l, struct item *it);
void lane_push_front(struct lane *l, struct item *it);
void lane_drop(struct lane *l, struct item *it); /* frees it */
