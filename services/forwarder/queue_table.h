/*
 * The session queues of one destination, found by kind, bridge and session.
 */
#pragma once

#include "services/forwarder/session_queue.h"

struct queue_table;

int queue_table_open(struct queue_table **ret); /* 0 or -ENOMEM */
void queue_table_close(struct queue_table *t);  /* frees the queues and their events; NULL is nothing */
/* Finds or makes. NULL: no memory. */
struct session_queue *queue_table_get(struct queue_table *t, enum queue_kind kind, struct str bridge,
                                      struct str session);
/* NULL: there is none. */
struct session_queue *queue_table_find(struct queue_table *t, enum queue_kind kind, struct str bridge,
                                       struct str session);
void queue_table_free(struct queue_table *t, struct session_queue *q);
/* Calls @fn for each; @fn may free that queue. A return other than 0 ends it and is passed up. */
int queue_table_each(struct queue_table *t, int (*fn)(void *ctx, struct session_queue *q), void *ctx);
