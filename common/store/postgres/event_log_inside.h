/* The inside of an event log in PostgreSQL, for the files event_*.c of this folder alone. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/store/events_log.h"
#include "common/store/log_engine.h"
#include "common/store/postgres/batch.h"
#include "common/store/postgres/connection.h"
#include "common/store/postgres/notifier.h"

struct pg_log {
    struct event_log log; /* first; its bounds: as far as this process knows */
    char *where;
    struct pg_db *d; /* NULL: not connected */
    struct pg_notifier notifier;
    int64_t retry_at_ms; /* no connection is tried before */
    struct batch batch;
    int careful; /* so many batches more are not taken for new */
    bool begun;  /* the head is locked */
    int64_t new_head;
    char timeline[16]; /* of the server that log.head is of */
    int64_t row_head;  /* the row of the head, as this transaction has it */
    char ingest[17];   /* this process, in the table of batches */
    int64_t batch_id;  /* of the newest commit that was tried */
    char error[256];
    bool prune_more, prune_held, prune_over; /* of the last step */
    int64_t pruned_at_ms, used_at_ms, used_bytes, mark_at_ms, leftover_at_ms;
    int64_t pruned_batch_id; /* the newest batch at the last step */
    int64_t partitions_end;  /* there are partitions for the seqs below, 0: unknown */
};

static inline struct pg_log *pg_log(const struct event_log *l)
{
    return (struct pg_log *)l;
}

/* Connected, or an error that is kept. */
int pg_log_connect(struct pg_log *l);
/* Holds the head from now on. */
int pg_log_hold(struct pg_log *l);

/* event_partitions.c */

/* Events of a partition: minutes of a busy log, months of a quiet one. Partition @number begins at seq @number times this. */
#define PG_PARTITION_EVENTS 250000
/* Unless it is there. */
int pg_make_partition(struct pg_db *d, int64_t number);

/* Makes sure that there is a partition for each seq from the head to @last. */
int pg_log_partitions(struct pg_log *l, int64_t last);
/* Drops a partition that is due as a whole. Returns 0: its rows are gone, and the table too, or later where a reader has it; -EAGAIN:
 * try again later. */
int pg_log_drop_partition(struct pg_log *l, int64_t number);
/* Drops one table that a reader had. To be called now and then. */
int pg_log_drop_leftover(struct pg_log *l);

/* event_retain.c */

int pg_log_prune(struct event_log *l, const struct event_retention *rule, int64_t now_ms, int rows_max,
                 struct event_pruned *ret);
