/*
 * One call to the bridge: a request that a driver has built goes out, the answer comes back in the driver's form.
 */
#pragma once

#include "common/bridge/driver.h"
#include "common/io/http_client.h"

#define BRIDGE_CALL_DETAIL_MAX 160

/* How a call went, for the bridge's status and for people. */
struct bridge_call {
    int kind;                            /* 0: good; a bridge_answer_kind; negative: -errno */
    int http_status;                     /* 0: no answer came */
    char detail[BRIDGE_CALL_DETAIL_MAX]; /* the fault, for people; "" when it was good */
    int64_t took_ms;
};

typedef void (*bridge_call_fn)(void *ctx, const struct http_answer *a);

/* Sends the request that a driver's builder has built (@built is its return value) and frees @req. Returns 0, and @done
 * fires once, later; or -errno, and @done does not fire. */
int bridge_call_send(struct http_client *client, int built, struct bridge_request *req, int64_t timeout_ms,
                     bridge_call_fn done, void *ctx);

struct bridge_answer bridge_call_answer(const struct http_answer *a);
/* @kind: the answer as the driver's reader understood it. */
struct bridge_call bridge_call_result(const struct http_answer *a, int kind);
