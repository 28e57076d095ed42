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
    char body[]; /* a copy: the bell rings after the answer, when the request is gone */
};
