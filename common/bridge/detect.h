/*
 * Which of the dialects does a bridge speak? Two GETs without side effects are asked, their answers judged
 * here.
 *
 *   GET /sessions                          the released zapw's list
 *   GET /sessions/zapkeep-probe/status     a route that only the contract has; on the released zapw it is
 *                                          an HTML 404
 *
 * GET /sessions/<id> is never called: on zapw it has side effects.
 */
#pragma once

#include "common/bridge/driver.h"

#define DETECT_PROBE_ID "zapkeep-probe"

enum detect_answer {
    DETECT_NOT_YET = 1,      /* no answer or 5xx: ask again later */
    DETECT_UNAUTHORIZED = 2, /* the key is refused */
    DETECT_UNKNOWN = 3,      /* it answers, but like none of the drivers */
};

int detect_build_list(const struct bridge_target *t, struct bridge_request *ret);
int detect_build_status(const struct bridge_target *t, struct bridge_request *ret);

/* @health is the answer to GET /health, or NULL when it was not asked: it tells a bridge whose own 404 is not
 * JSON from a web server that is no bridge. Returns 0 and the driver, or a detect_answer. */
int detect_decide(const struct bridge_answer *list, const struct bridge_answer *status,
                  const struct bridge_answer *health, const struct bridge_driver **ret);
