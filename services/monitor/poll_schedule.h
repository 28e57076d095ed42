/*
 * When to poll the bridge, and the consequence of each answer: the flow of a sweep from its start to the next one.
 */
#pragma once

#include "services/monitor/attempt_watch.h"
#include "services/monitor/poller.h"
#include "services/monitor/silence_watch.h"

struct poll_schedule;

struct poll_schedule_options {
    const struct monitor_context *m;
    struct bridge_status *status;
    struct change_batch *batch;
    struct state_sync *sync;
    struct attempt_watch *attempts;
    struct silence_watch *silence;
    const struct bridge_target *target;
    const struct bridge_driver *driver; /* the one that is set, NULL: auto */
    void (*on_well)(void *ctx);         /* a sweep has ended, and nothing is wrong */
    void *ctx;
};
/* The first sweep starts at once. */
int poll_schedule_open(const struct poll_schedule_options *o, struct poll_schedule **ret);
void poll_schedule_close(struct poll_schedule *p); /* NULL is nothing */

/* Ask again within rules.recheck_ms: about this session where that can be, or about all (@id NULL). */
void poll_schedule_recheck(struct poll_schedule *p, const char *id);
/* Ask about this session now: by a call of its own or, at most one in @gap_ms, by a sweep. */
void poll_schedule_ask(struct poll_schedule *p, const char *id, int64_t gap_ms);

const struct bridge_driver *poll_schedule_driver(const struct poll_schedule *p); /* NULL: not known yet */
/* A good sweep was committed since the start. */
bool poll_schedule_is_settled(const struct poll_schedule *p);
/* The last sweep was good, the bridge is in no trouble, and no program is dead. */
bool poll_schedule_is_well(const struct poll_schedule *p);
