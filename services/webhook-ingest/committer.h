/*
 * The commit thread and its queue. The loop's thread adds items; the commit thread writes all that queued
 * since the last fsync in one transaction (natural batching: nobody waits for a timer) and gives it back.
 *
 * It is the only one that touches the event log for writing, checkpoints included.
 */
#pragma once

#include <stdbool.h>

#include "common/base/clock.h"
#include "common/io/loop.h"
#include "services/webhook-ingest/commit.h"

/* Waiting for a commit at most; beyond it a sender is answered 503. 8,192 are a fifth of a second at
 * 40,000/s; the bytes are 256 MiB together with the 64 MiB of bodies that are still being read
 * (http_limits_default). Accepting again at 80 %, so that it does not flap. */
#define COMMITTER_ITEMS_MAX   8192
#define COMMITTER_BYTES_MAX   (192LL * 1024 * 1024)
#define COMMITTER_RESUME_PART 8 / 10

struct committer;

/* A copy of the commit thread's knowledge. */
struct committer_status {
    bool open;  /* the log is open */
    bool fatal; /* an fsync failed: the process has to end */
    int result; /* of the last commit, probe or attempt to open: 0 or -errno */
    char detail[256];
    bool held;      /* a reader's snapshot keeps the WAL beyond its cap: nothing is committed */
    bool wal_large; /* half way to that */
    int64_t holders[4];
    int n_holders;
    int64_t head, oldest;
    char log_id[16];
    struct event_wal wal;
    int64_t clock_ahead_ms; /* the wall clock was set ahead by this; the age of events goes without it */
    bool retention_held;    /* old events stay because a consumer has not read them */
    bool disk_over;         /* the stores are beyond their limit on the disk */
    int64_t last_commit_us; /* clock_mono_us() when one that wrote ended last, 0: none yet */
    int64_t last_took_us;
    int64_t busy_since_us; /* a commit runs since, 0: none does */
};

struct committer_options {
    const char *dir;
    struct clock *clock;
    struct event_retention retention; /* cursor_min is looked up in state.db */
    int64_t wal_cap_bytes;
    int64_t wait_max_ms; /* an item that was not begun comes back with -ETIMEDOUT after this; 0: it waits */
    /* In the loop's thread: items that came back (the list may be empty), and the status may have changed. */
    void (*on_done)(void *ctx, struct list *items);
    void *ctx;
};

/* Opens the log here, so that a fault has an answer at once: 0, EVENT_LOG_TAKEN (*ret_pid), -errno. A full
 * disk is no fault: the thread opens it later. */
int committer_open(struct loop *l, const struct committer_options *o, struct committer **ret,
                   int64_t *ret_pid);
/* Commits all that waits, gives back all items, closes the log. NULL is nothing. */
void committer_close(struct committer *c);

/* False: too much waits, come back later (the item stays the caller's). */
bool committer_accepts(struct committer *c);
/* Takes the item; it comes back by on_done. It is handed to the thread at the end of this iteration of the loop,
 * with all others that came in by then: a batch begins with all that is there, not with its first item. */
void committer_add(struct committer *c, struct commit_item *item);
/* Asks for a commit that writes nothing of value, for /ready. */
void committer_probe(struct committer *c);
void committer_status(struct committer *c, struct committer_status *ret);
int committer_waiting(const struct committer *c); /* items not given back yet */
