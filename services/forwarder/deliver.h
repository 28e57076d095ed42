/*
 * Requests to one destination: how many at once, the meaning of each answer, when the destination is called
 * at all.
 *
 * One event, when all goes well:
 *   deliver_poke  a slot is free and the breaker is closed: the next queue's events go into a request
 *   on_answer     2xx: they are done
 *   deliver_poke  when that is on record the slot is free again
 * When it does not: the event is at fault -> it waits in forward.db, and its session with it; the destination is at
 * fault -> the event stays the first of its queue, and the breaker says when it is tried again; 410 -> the destination
 * is turned off by its owner.
 */
#pragma once

#include "common/app/destination_config.h"
#include "services/forwarder/redeliver.h"

struct deliver;

/* The owner's callbacks. */
struct deliver_hooks {
    void (*delivered)(void *ctx, int n);                           /* events were taken */
    void (*failed)(void *ctx, const struct delivery_error *error); /* a request failed */
    void (*changed)(void *ctx, enum dest_breaker_change change, const struct delivery_error *error);
    int (*gone)(void *ctx);  /* 410: nothing more is wanted. Returns 0 or -errno */
    void (*poke)(void *ctx); /* it is time to look again: calls deliver_poke() */
    void *ctx;
};

struct deliver_options {
    struct app *app; /* borrowed, as all of these */
    const struct destination_config *config;
    struct group_commit *commit;
    struct dead_letters *dead;
    struct backlog *backlog;
    struct redeliver *redeliver;
    struct deliver_hooks hooks;
};
int deliver_open(const struct deliver_options *o, struct deliver **ret);
void deliver_close(struct deliver *d); /* requests in flight call nothing back any more; NULL is nothing */

/* Starts every request that may start. Returns 0 or -errno, which the group commit knows. */
int deliver_poke(struct deliver *d);
int64_t deliver_in_flight(const struct deliver *d); /* requests */
const struct dest_breaker *deliver_breaker(const struct deliver *d);
/* An operator wants it tried now. */
void deliver_retry_now(struct deliver *d);
/* Sends one test event, which is not of the log. @done fires once; @t is NULL when the
 * deliver is closed before there is an answer. Returns 0 or -errno. */
struct deliver_test {
    int64_t took_ms;
    struct delivery_error error; /* status and detail also of a good answer */
};
int deliver_test(struct deliver *d, void (*done)(void *ctx, const struct deliver_test *t), void *ctx);
/* A probe has failed since the last call. */
bool deliver_take_reopened(struct deliver *d);
