/*
 * One destination: its part of the log, its queues, its connections. What it knows it keeps in forward.db,
 * through the turn of the forwarder.
 *
 *   destination.c  opening, reading the log, status
 *   deliver.c      queues in, requests out, what an answer does
 *   shelve.c       events that wait or are given up: rows of forward.db
 *   again.c        dead letters that are tried again
 */
#pragma once

#include "common/app/consumer.h"
#include "common/policy/delivery.h"
#include "services/forwarder/ack_window.h"
#include "services/forwarder/forwarder.h"
#include "services/forwarder/session_queue.h"

/* Events in memory per destination: reading stops above and goes on below half of it. 256 of a read, of 4 MiB
 * at most, may come on top. */
#define QUEUE_EVENTS_MAX 1024
#define QUEUE_BYTES_MAX  (8 * 1024 * 1024)
/* Dead letters in memory that are tried again. */
#define REDELIVER_MAX 64
/* Of a queue that keeps others from being read so many stay in memory. */
#define QUEUE_KEEP 8
/* While the breaker is shut by answers, reading goes on until there are so many rows: a session that has not
 * failed may be further down the log. Then one read for each probe that fails. */
#define OPEN_BLOCKED_MAX 16384

struct destination {
    struct forwarder *f;
    const struct destination_config *config;
    int index; /* in f->dest and in the metrics */
    struct forward_destination row;
    struct forward_destination shown; /* as it was last written for the CLI */
    struct consumer *consumer;
    bool paused; /* the consumer waits for us */
    struct ack_window window;
    bool window_dirty; /* by an acknowledgement: written in this turn */
    bool window_moved; /* by events it does not want: written at leisure */

    struct session_queues queues;
    struct list ready_new;   /* ready, never failed */
    struct list ready_retry; /* ready, failed before */
    struct list waiting;
    bool retry_next; /* they take turns */
    int n_items;     /* in memory */
    size_t bytes;
    int64_t n_blocked;
    int64_t n_retry;
    int64_t batch_since; /* boot ms since when a batch waits to be full, 0: none does */

    struct http_client *client;
    struct list calls;
    int64_t in_flight; /* requests */
    struct dest_breaker breaker;
    bool look_once;    /* a probe failed: one read, however many rows there are */
    struct timer *due; /* the next queue that waits is due, or the breaker may be asked */
    int64_t due_at;    /* boot ms, 0: not set */

    int64_t redeliver_after; /* id of the newest dead letter taken into memory */
    int n_redeliver;
    bool redeliver_more; /* there may be more of them */
};

/* @config outlives it. */
int destination_open(struct forwarder *f, const struct destination_config *config, int index,
                     struct destination **ret);
void destination_close(struct destination *d); /* NULL is nothing */
/* Starts what may be started, reads on when there is room. After every turn. */
void destination_poke(struct destination *d);
/* Writes the window if an acknowledgement changed it (@all: or anything else did). In a turn. */
void destination_save(struct destination *d, bool all);
void destination_save_status(struct destination *d);
void destination_gauges(struct destination *d);
void destination_notify(struct destination *d);
/* Newest seq that is not needed any more; INT64_MAX: it is turned off. */
int64_t destination_needs(struct destination *d);
void destination_turn_off(struct destination *d, bool off);
bool destination_is_off(const struct destination *d);
/* Says on the bus that it is down, up, off or on. */
void destination_publish(struct destination *d, const char *status, const char *detail);
/* The error as the CLI shows it. */
void destination_failed(struct destination *d, const char *detail);

/* ---- deliver.c ------------------------------------------------------------------------------- */

/* A queue has something to do, or not any more: puts it into the queue it belongs to, or frees it. */
void session_queue_settle(struct destination *d, struct session_queue *q);
void deliver_due(void *ctx);                             /* the timer */
void deliver_poke(struct destination *d);                /* starts requests */
void deliver_cancel(struct destination *d);              /* all; nothing more is heard of them */
void deliver_at(struct destination *d, int64_t boot_ms); /* the timer fires then at the latest */

/* ---- shelve.c -------------------------------------------------------------------------------- */

/* What a backend answered, for a row. */
struct delivery_error {
    int64_t status;
    char detail[FORWARD_DETAIL_MAX];
    struct str answer;
};

int backlog_load(struct destination *d); /* queues of the rows, at the start */
/* Takes an event that was read: into memory, or behind those of its session that wait. */
int backlog_or_queue(struct destination *d, const struct event *e);
/* The first of the queue, from its row and the log if need be; NULL: there is none (any more). */
struct item *backlog_first(struct destination *d, struct session_queue *q);
/* Done: row or bit. Drops the item. */
void backlog_done(struct destination *d, struct session_queue *q, struct item *it);
/* Failed, by its own fault or perhaps (@fault) the destination's: waits, or is given up. Drops the item. */
void backlog_failed(struct destination *d, struct session_queue *q, struct item *it,
                    const struct delivery_error *w, int64_t retry_after_ms, bool fault);
/* The destination was at fault all along: gives back what was counted in this row of the breaker. */
void backlog_give_back(struct destination *d);
/* Rows for what is in memory, so that the floor can move on; of each queue @keep stay in memory (0: all goes,
 * what is under way gets a row too). */
void backlog_memory(struct destination *d, int keep);
void dead_letter_gap(struct destination *d, int64_t from, int64_t to);
void item_forget(struct destination *d, struct session_queue *q, struct item *it); /* out of memory */

/* ---- again.c --------------------------------------------------------------------------------- */

#define REDELIVER_BRIDGE "\x01again"        /* queues of their own: what follows is not blocked up */
void redeliver_load(struct destination *d); /* more of them, if there is room */
void redeliver_done(struct destination *d, struct session_queue *q, struct item *it);
void redeliver_failed(struct destination *d, struct session_queue *q, struct item *it,
                      const struct delivery_error *w);
