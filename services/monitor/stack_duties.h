/*
 * The duties that belong to the stack and not to one of its bridges: it sends alerts, notes bridges that are not configured any more, resolves alerts whose raiser is gone, and
 * fetches HEARTBEAT_URL while all is well. Of the monitors that share a stack's bridges one has these duties; it also keeps
 * the position in the log that retention respects, which is that of the bridge that is furthest behind.
 */
#pragma once

#include "common/app/bridge_set.h"
#include "services/monitor/alert_sender.h"

struct stack_duties;

enum bridge_wellness {
    WELLNESS_ELSEWHERE, /* another monitor watches it: its row says how it is */
    WELLNESS_GOOD,
    WELLNESS_BAD,
};

/* All is borrowed. */
struct stack_duties_options {
    const struct monitor_context *m; /* with the role of the stack */
    const struct alert_sender_options *sender;
    const struct bridge_set *bridges;
    enum bridge_wellness (*wellness)(void *ctx, const char *bridge);
    void *ctx;
};

/* Returns 0 or -errno. */
int stack_duties_open(const struct stack_duties_options *o, struct stack_duties **ret);
void stack_duties_close(struct stack_duties *d); /* NULL is nothing */
struct alert_sender *stack_duties_sender(struct stack_duties *d);
/* A sweep has ended, and all is well with its bridge. */
void stack_duties_swept(struct stack_duties *d);
/* The bridges are others now: those that are not configured any more are noted. Returns 0 or -errno. */
int stack_duties_mark(struct stack_duties *d, const struct bridge_set *bridges);
