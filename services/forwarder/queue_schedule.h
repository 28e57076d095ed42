/*
 * Which queue of a destination is next: those that are ready, those that wait for their time.
 */
#pragma once

#include "services/forwarder/queue_table.h"

struct queue_schedule {
    struct queue_table *table; /* borrowed: a queue with nothing to do is freed there */
    struct list ready_new;     /* queues whose head has not failed */
    struct list ready_retry;   /* … has failed before */
    struct list waiting;
    int64_t next_due; /* boot ms, not after the first that waits; 0: none waits */
    bool retry_next;  /* ready_new and ready_retry alternate */
};

void queue_schedule_init(struct queue_schedule *s, struct queue_table *table);
/* An idle queue with something to do is ready; one with nothing is freed. */
void queue_schedule_settle(struct queue_schedule *s, struct session_queue *q);
void queue_schedule_wait_until(struct queue_schedule *s, struct session_queue *q, int64_t at);
/* A queue that waits is ready now. */
void queue_schedule_stop_waiting(struct queue_schedule *s, struct session_queue *q);
/* Queues whose time has come are ready. Returns when the next one's comes (boot ms), 0: none waits. */
int64_t queue_schedule_wake(struct queue_schedule *s, int64_t now_ms);
/* As backlog_retry_now(). */
int64_t queue_schedule_retry_now(struct queue_schedule *s, struct str session, int64_t seq);

bool queue_schedule_has_new(const struct queue_schedule *s); /* a queue is ready whose head has not failed */
bool queue_schedule_has_retry(const struct queue_schedule *s); /* … whose head has failed before */
/* So many queues at least are ready and have not failed. */
bool queue_schedule_has_new_queues(const struct queue_schedule *s, int64_t n);
int64_t queue_schedule_new_events(const struct queue_schedule *s,
                                  int64_t enough); /* of these, up to @enough */
/* As backlog_next(). */
struct session_queue *queue_schedule_next(struct queue_schedule *s, bool new_first);
