/*
 * One commit: a batch goes into the log in one transaction. No thread and no queue here; the committer's
 * thread calls it, and so does the power-loss test.
 */
#pragma once

#include "common/base/list.h"
#include "common/store/events_log.h"

/* A commit takes the items that queued while the last one ran, up to here: 256 rows of 400 bytes are written in the
 * time of one fsync, and a sender waits for no more than that. */
#define COMMIT_EVENTS_MAX 256
#define COMMIT_BYTES_MAX  (1024 * 1024)
/* The WAL is moved into the file whenever it has grown by this much: small enough for a short stall. */
#define COMMIT_CHECKPOINT_FRAMES 1000
/* Retention and expiry remove up to this per event committed, so that they keep up with any rate. */
#define COMMIT_PRUNE_ROWS 256

enum commit_kind { COMMIT_EVENT, COMMIT_REJECTED };

/* Embedded in its owner, which keeps the texts alive until it comes back. */
struct commit_item {
    struct list link;
    enum commit_kind kind;
    bool with_next;                 /* in one transaction with the item that is added after it */
    struct event_new event;         /* COMMIT_EVENT */
    struct event_rejected rejected; /* COMMIT_REJECTED */
    int result;                     /* 0, EVENT_DUPLICATE, or -errno: it is not in the log */
    int64_t seq;                    /* with 0 and EVENT_DUPLICATE */
    int64_t added_us;               /* the committer's */
};

struct commit_done {
    int result; /* 0 or -errno, the same for every item of the batch that is not a duplicate */
    int n;
    struct event_pruned pruned;
};

/* Commits all items (their results are set), and with them a slice of retention when @prune. */
void commit_batch(struct event_log *l, struct list *items, const struct event_retention *prune,
                  int64_t now_ms, struct commit_done *ret);
