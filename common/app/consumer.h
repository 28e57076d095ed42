/*
 * Following the event log: cursor, notification, gap found by seq, catch-up from the log. The monitor, the
 * forwarder and the CLI share this.
 *
 * A notification (any event message or log.head) or the slow sweep makes it read rows after its position
 * from events.db, in seq order, in batches. The bus may lose messages, but on_batch sees every row once per
 * run; after a crash it starts again from the cursor that the consumer saved, so at least once. Waits by
 * itself until events.db exists.
 */
#pragma once

#include "common/app/app.h"
#include "common/store/events.h"

/* Without a notification the log is read this often: a lost notification costs at most this latency. */
#define CONSUMER_SWEEP_MS 2000
/* The same while a database server notifies of each commit: a loss takes a fault of its connection, which is seen. */
#define CONSUMER_WATCHED_SWEEP_MS 10000

struct consumer;

struct consumer_options {
    const char *dir;
    int64_t after_seq;          /* position: rows with a greater seq are delivered. From cursor_find(), or
                                   event_seq_at() - 1. */
    struct event_filter filter; /* applied in the store; its texts are kept by reference */
    struct bus_sub *sub;        /* NULL: the consumer subscribes by itself, on @bus_out; else the owner of the
                                   subscription calls consumer_notify() */
    const char *bus_out;
    bool (*may_read)(
        void *ctx); /* false: the log is left alone until the next sweep; NULL: it is always read */
};

enum consumer_flow {
    CONSUMER_MORE = 0,  /* go on */
    CONSUMER_PAUSE = 1, /* wait until consumer_resume() (all rows of this batch were taken) */
};

/*
 * @on_batch: rows->n >= 1 rows that match, or n = 0 when only the position moved (rows->next_seq - 1 is done
 * with). Rows live until it returns. A negative return stops the consumer and is given to @on_error.
 * @on_error: the log could not be read: called once per state change, then retried with backoff,
 * and called with r = 0 when it can be read again. -ESTALE: events.db is another log than before (or the
 * position is past its end), it is read from its start. May be NULL. The consumer must not be closed from its
 * own callbacks.
 */
int consumer_open(struct app *app, const struct consumer_options *o,
                  int (*on_batch)(void *ctx, const struct event_rows *rows),
                  void (*on_error)(void *ctx, int r, const char *detail), void *ctx, struct consumer **ret);
void consumer_resume(struct consumer *c);
void consumer_notify(struct consumer *c);            /* look now */
int64_t consumer_position(const struct consumer *c); /* newest seq handed out */
int64_t consumer_head(const struct consumer *c);     /* newest known seq */
void consumer_close(struct consumer *c);
