/*
 * Dead letters that an operator wants delivered after all. Each is tried once, when the destination works: it leaves
 * the dead letters when it is taken, and stays with its new error when it is not.
 */
#pragma once

#include "services/forwarder/backlog.h"

/* Letters in memory at once: enough to keep all slots of a destination busy between two reads of forward.db. */
#define REDELIVER_MAX 256

struct redeliver {
    struct backlog *backlog; /* borrowed, as the next */
    struct dead_letters *dead;
    struct db *db;
    const char *name; /* of the destination */
    int64_t after_id; /* of the newest letter that was taken into memory */
    int n;            /* letters in memory */
    bool more;        /* there may be more of them */
};

void redeliver_init(struct redeliver *r, struct backlog *b, struct dead_letters *dead, struct db *db,
                    const char *name);
/* Operators ordered some: all that are marked are looked for. */
void redeliver_ordered(struct redeliver *r);
/* Takes more letters into memory when there is room. Returns 0 or -errno. */
int redeliver_load(struct redeliver *r);
/* The redelivery of @e ended; @error NULL: it was taken. */
int redeliver_ended(struct redeliver *r, const struct backlog_entry *e, const struct delivery_error *error);
