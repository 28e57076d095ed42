/* One webhook on its way: from the request through the commit to its answer and its bell. */
#pragma once

#include "common/bridge/webhook.h"
#include "common/io/http_server.h"
#include "services/webhook-ingest/commit.h"

struct request {
    struct commit_item item; /* its texts point into the rest */
    struct http_req *http;   /* NULL once it is answered */
    struct webhook webhook;
    char bridge[65];
    char id[EVENT_ID_MAX];
    char *large; /* a large body, taken from the request; a small one is copied behind this struct */
    char small[];
};

/* The bell rings after the answer, when the HTTP request is gone: the body has to be the request's own.
 * Copying a usual one costs less than a second allocation; from here on it is taken over. */
#define REQUEST_LARGE_BYTES 4096

/* NULL when memory is short. */
struct request *request_new(struct http_req *http, struct str bridge);
void request_free(struct request *r);
