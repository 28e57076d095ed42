/*
 * Group commit: the changes of one pass of the loop go on record together, before a slot that was freed in it is used
 * again. When events were delivered and nothing else happened, that is one write to forward.acks; otherwise one
 * transaction of forward.db. After kill -9 no more is delivered twice than was in flight.
 *
 * A function here that fails returns the error and remembers it: nothing more is written, and hooks.failed is called
 * from the loop, soon. A caller passes the error up and stops its own work.
 */
#pragma once

#include <stdbool.h>

#include "common/io/loop.h"
#include "services/forwarder/stores.h"

struct group_commit;

struct group_commit_hooks {
    /* In the transaction, before it is committed: writes the state in memory. Returns 0 or -errno. */
    int (*save)(void *ctx);
    /* All of the pass is on record. A kill may lose requests that are sent from now on, without a trace. */
    void (*committed)(void *ctx);
    /* forward.db failed: all that is in memory has to be read anew. The group commit may be closed from here. */
    void (*failed)(void *ctx, int r, const char *detail);
    void *ctx;
};

/* @stores is borrowed. Returns 0 or -ENOMEM. */
int group_commit_open(struct loop *l, const struct stores *stores, const struct group_commit_hooks *hooks,
                      struct group_commit **ret);
void group_commit_close(struct group_commit *g); /* rolls back; NULL is nothing */

/* Before every change of forward.db: opens the transaction of this pass, if it is not open. Returns 0 or -errno. */
int group_commit_begin(struct group_commit *g);
/* Destination @id took @e, which has no row: kept by this pass, in forward.acks if that is possible. */
int group_commit_ack(struct group_commit *g, int64_t id, const struct event *e);
/* Nothing waits to be put on record. */
bool group_commit_is_done(const struct group_commit *g);
/* Ends the pass soon, and calls hooks.committed also when nothing changed. */
void group_commit_soon(struct group_commit *g);
/* Ends the pass now. Returns 0 or -errno. */
int group_commit_end(struct group_commit *g);
/* An error of forward.db or of the log that makes the state in memory useless. Returns @r. */
int group_commit_fail(struct group_commit *g, int r);

/* Transactions since group_commit_checkpointed(), and whether anything was written since. */
int group_commit_count(const struct group_commit *g);
void group_commit_checkpointed(struct group_commit *g, bool all);
bool group_commit_has_written(const struct group_commit *g);
