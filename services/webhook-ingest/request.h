/* One webhook on its way: from the request through the commit to its answer and its notification. */
#pragma once

#include "common/bridge/webhook.h"
#include "common/io/http_server.h"
#include "services/webhook-ingest/check.h"
#include "services/webhook-ingest/commit.h"

/* Of a request that is refused and kept for a person to look at: so much of its body. */
#define REQUEST_PART_BYTES 4096

struct request {
    struct commit_item item; /* its texts point into the rest */
    struct http_req *http;   /* NULL once it is answered */
    struct webhook webhook;
    struct check_result refusal; /* COMMIT_REJECTED: the answer, when it is kept */
    char bridge[65];
    char id[EVENT_ID_MAX];
    struct request *lead; /* of one of several events in a delivery: the request that is answered for all */
    bool any_new;         /* of such a lead: one of the others is no duplicate */
    char *headers;        /* COMMIT_REJECTED */
    char *large;          /* a large body, taken from the request; a small one is copied behind this struct */
    char small[];
};

/* The notification is published after the answer, when the HTTP request is gone: the body has to be the
 * request's own. Copying a usual one costs less than a second allocation; from here on it is taken over. */
#define REQUEST_LARGE_BYTES 4096

/* Takes the body of @http. NULL when memory is short. */
struct request *request_new(struct http_req *http, struct str bridge);
/* One of several events in a delivery: without a request of its own. NULL when memory is short. */
struct request *request_new_event(struct str bridge, struct str body);
/* The body becomes @json, which is taken over. */
void request_replace_body(struct request *r, struct buf *json);
/* Makes it one that is refused with @why and kept: its headers without credentials, and its body or, when it is
 * only a part, the first REQUEST_PART_BYTES. @reason is kept by reference. Returns 0 or -ENOMEM. */
int request_reject(struct request *r, const struct check_result *why, const char *reason, int64_t at);
void request_free(struct request *r);
