/*
 * The events of one commit, on their way into the log: collected, compared with the keys that are known, numbered, and
 * written by as few statements as there are tables.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/store/events_log.h"
#include "common/store/postgres/array.h"

struct pg_db;

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
    struct pg_array column[8];
};

void batch_clear(struct batch *b);
void batch_fini(struct batch *b);
int batch_add(struct batch *b, const struct event_new *e, int *ret_result, int64_t *ret_seq);
/* Prepares the statements of a new connection. */
int batch_prepare(struct pg_db *d);
/* Inside a transaction that holds the head: gives seqs from *head + 1 on, writes the rows, moves *head on. The results
 * are set; they hold when the transaction is committed. Returns 0 or -errno. */
int batch_write(struct batch *b, struct pg_db *d, int64_t *head);
