/*
 * Which driver does a bridge need? detection_init() collects the probes of all drivers (GETs without side
 * effects, driver.h); the caller asks them one after the other until detection_take() knows. No socket, no clock.
 */
#pragma once

#include "common/bridge/driver.h"

/* Probes of all drivers, each (path, key) once. */
#define DETECTION_PROBES_MAX 24
/* An answer is kept whole, as a list is JSON only to its end; no longer one is read anywhere. */
#define DETECTION_KEPT_BYTES (32 * 1024 * 1024)

struct detection_probe {
    const char *path;
    const struct bridge_driver *driver; /* the first that wants it, with this key */
    bool answered;
    struct bridge_answer answer; /* points into body */
    struct buf body;
};
struct detection {
    struct detection_probe probe[DETECTION_PROBES_MAX];
    int n, next;
};
#define DETECTION_NULL ((struct detection){ 0 })
void detection_init(struct detection *ret);
void detection_fini(struct detection *d); /* also for CLEANUP; DETECTION_NULL is nothing */

/* Builds the next probe. Not after detection_take() has returned something other than DETECT_MORE. Returns as the
 * builders of a driver do. */
int detection_build(const struct detection *d, const struct bridge_target *t, struct bridge_request *ret);

enum detect_answer {
    DETECT_NOT_YET = 1,      /* no answer or 5xx: ask again later */
    DETECT_UNAUTHORIZED = 2, /* the key is refused */
    DETECT_UNKNOWN = 3,      /* it answers, but like none of the drivers */
    DETECT_MORE = 4,         /* ask the next probe */
};
/* Keeps the answer to the last probe that was built. Returns 0 and the driver, a detect_answer, -ENOMEM or
 * -EMSGSIZE. */
int detection_take(struct detection *d, const struct bridge_answer *a, const struct bridge_driver **ret);
/* The answer that helps an operator most when no driver was found: the one that refuses the key, else the
 * first. */
const struct detection_probe *detection_reason(const struct detection *d);

/* The health of a bridge whose driver is not known. Each answer shows that it is alive, except a 5xx, a redirection and a
 * body that says error; it may have no such route, or want another key there. */
int detect_build_health(const struct bridge_target *t, struct bridge_request *ret);
int detect_read_health(const struct bridge_answer *a);
