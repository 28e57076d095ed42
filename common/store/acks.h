/*
 * forward.acks: the events taken since the last commit of forward.db. A commit for every pass of the loop
 * would cost a tenth of the time of a delivery; one small write for all answers of the pass costs next to
 * nothing, and survives kill -9 as well.
 *
 * An entry says "destination 3 took the event of seq 17 and of this time", and that stays true: so the file
 * needs no order, no end and no cleaning. A start reads all entries. The window knows most of them
 * already; one of another store, or of a log that was put back to an earlier state and went on otherwise,
 * does not match. One is overwritten only when a commit holds it. After a power loss some may be missing,
 * none can be wrong.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define ACKS_FILE "forward.acks"
/* After so many there must be a commit: 64 KiB, a tenth of a second at full speed. */
#define ACKS_MAX 4096

/* As in the file. Its size divides that of a sector: a power loss leaves it whole or as it was. */
struct ack {
    int64_t seq; /* 0: none */
    uint32_t destination;
    uint32_t check; /* of these, the key and the event's time */
};

/* NULL stands for "there is no such file": it has no entries and takes none. */
struct acks;

/* @key is that of forward.db: entries with another do not match. Takes nothing before the first
 * acks_committed(). Returns 0, -ENOMEM or -errno of the file. */
int acks_open(const char *dir, uint64_t key, struct acks **ret);
void acks_close(struct acks *a); /* NULL is nothing */
/* Calls fn with each entry of one destination that the file had at its opening. Before the first
 * acks_committed(). */
void acks_each(const struct acks *a, int64_t destination, void (*fn)(void *ctx, const struct ack *e),
               void *ctx);
/* Is it of the event that has this seq and came at this time (wall ms)? */
bool acks_match(const struct acks *a, const struct ack *e, int64_t seq, int64_t at);
/* In memory until acks_write(). False: there is no room before a commit. */
bool acks_add(struct acks *a, int64_t destination, int64_t seq, int64_t at);
bool acks_are_written(const struct acks *a);
/* Returns 0 or -errno: then a commit has to hold them. */
int acks_write(struct acks *a);
/* A commit holds all that was added. */
void acks_committed(struct acks *a);
