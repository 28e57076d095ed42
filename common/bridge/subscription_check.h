/*
 * One session's webhook subscription is read, and where that is wanted set again and read once more. A procedure of
 * calls that the caller makes, in its own way (the monitor on its loop, the CLI one by one).
 *
 *   begin ─► request ─(make it)─► take ─► done: result
 *                 ▲                 │ another call
 *                 └─────────────────┘
 */
#pragma once

#include "common/bridge/subscription.h"

enum subscription_repair {
    SUBSCRIPTION_NOT_SET,    /* it was not wrong, or it was not to be set */
    SUBSCRIPTION_SET,        /* it was set, and is right now or could not be read */
    SUBSCRIPTION_NOT_KEPT,   /* the bridge took it, and shows a wrong one again */
    SUBSCRIPTION_SET_FAILED, /* the bridge refused it, or did not answer */
    SUBSCRIPTION_CANNOT_SET, /* this bridge has no call for it */
    SUBSCRIPTION_NO_URL,     /* WEBHOOK_URL does not say where this bridge is to post */
    SUBSCRIPTION_REPAIR_N
};
/* The bridge was asked to set it, with any result. */
bool subscription_repair_was_tried(enum subscription_repair r);
const char *subscription_repair_text(enum subscription_repair r); /* for people; "" for NOT_SET */

struct subscription_check {
    const struct bridge_driver *driver;
    const struct bridge_target *target;
    const struct subscription_want *want;
    const char *id;
    bool repair;      /* set it again where it is wrong */
    bool repair_none; /* also where the session has none of its own */

    /* Set by begin and take while there is a call to make: */
    struct bridge_request request; /* owned; take it by TAKE-like assignment and BRIDGE_REQUEST_NULL */
    int64_t pause_ms;              /* let so much time pass before it */

    /* When all is done: */
    struct subscription result; /* as it is now */
    enum subscription_repair repaired;
    int kind; /* of the last answer that was no good: a bridge_answer_kind, or -errno; 0: none */
    int calls;
    int step;
};

/* The fields above the line are set by the caller and borrowed. Returns true: make c->request. False: done; the bridge
 * does not show subscriptions, or the call could not be built. */
bool subscription_check_begin(struct subscription_check *c);
/* The answer to the call. Returns true: make the next one. False: done. */
bool subscription_check_take(struct subscription_check *c, const struct bridge_answer *a);
void subscription_check_fini(struct subscription_check *c); /* frees requests that were not taken */
