/*
 * The events of one commit, on their way into the log: collected, compared with the keys that are known, numbered, and
 * written by as few statements as there are tables.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/store/events_log.h"
#include "common/store/postgres/array.h"
#include "common/store/postgres/pipeline.h"

struct batch_item {
    const struct event_new *event;
    int *ret_result; /* 0 or EVENT_DUPLICATE */
    int64_t *ret_seq;
    int64_t seq;      /* its own, 0: it is a duplicate */
    int64_t first;    /* seq of the event with this key that is in the log, 0: none */
    int64_t first_at; /* when that came, -1: it is gone */
};

struct batch {
    struct batch_item *items;
    int n, cap;
    struct pg_array column[9];
};

void batch_clear(struct batch *b);
void batch_fini(struct batch *b);
int batch_add(struct batch *b, const struct event_new *e, int *ret_result, int64_t *ret_seq);
/* Prepares the statements of a new connection. */
void batch_prepare(struct pg_pipeline *p);
/* Inside a transaction that holds the head: asks which keys are known. Returns the index of the result, or -errno. */
int batch_find_keys(struct batch *b, struct pg_pipeline *p);
/* By that result: gives seqs from *head + 1 on, and moves *head on. The results of the events are set; they hold when the
 * transaction is committed. */
void batch_number(struct batch *b, const PGresult *known, int64_t *head);
/* Writes the rows of the events that were numbered. Returns 0 or -errno. */
int batch_add_rows(struct batch *b, struct pg_pipeline *p);

/* The same in one statement outside of a transaction, for a batch whose events are all new, which most are. */

/* No two events have one key. */
bool batch_may_be_new(const struct batch *b);
/* Returns the index of the result: the head before them, -1: nothing is done, a key is known; or -errno. */
int batch_append(struct batch *b, struct pg_pipeline *p, const char *ingest, int64_t id);
void batch_number_new(struct batch *b, int64_t *head);
