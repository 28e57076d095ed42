/*
 * WHATSAPP_BRIDGE=auto: finds out which driver the bridge needs, by asking the probes of all drivers one after the
 * other (common/bridge/detect.h).
 */
#pragma once

#include "services/monitor/bridge_call.h"

struct driver_detect;

struct driver_detect_options {
    struct http_client *client;         /* borrowed */
    const struct bridge_target *target; /* borrowed */
    /* It is over: @answer 0 and the driver, or a detect_answer, or -errno when a probe could not be sent. @a is the
     * answer to the last probe, NULL when there is none. */
    void (*done)(void *ctx, int answer, const struct bridge_driver *driver, const struct http_answer *a);
    void *ctx;
};

int driver_detect_open(const struct driver_detect_options *o, struct driver_detect **ret);
/* The client must have been closed before: a call in flight refers to @d. NULL is nothing. */
void driver_detect_close(struct driver_detect *d);
/* Starts over with the first probe. Not while one is in flight. */
void driver_detect_start(struct driver_detect *d);
/* From now on done() does not fire. */
void driver_detect_cancel(struct driver_detect *d);
