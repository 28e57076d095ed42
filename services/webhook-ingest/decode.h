/*
 * The events of one request: the reader of the bridge's driver finds them in the body, one or several, and believes those
 * headers alone that the sender has proved.
 */
#pragma once

#include "common/base/list.h"
#include "services/webhook-ingest/request.h"
#include "services/webhook-ingest/source.h"
#include "services/webhook-ingest/state_runs.h"

struct decoder {
    const struct sources *sources; /* borrowed */
    struct state_runs runs;
};

/* Fills @q with its event, received @at (wall ms); @scheme: of its signature, 0: its sender has presented a token. A body that
 * holds several leaves them in *ret_several (initialised by the caller), in order, and @q as it is. One that cannot be read
 * becomes a refusal that is kept. Returns 0 or -ENOMEM. */
int decode_request(struct decoder *d, struct request *q, int scheme, int64_t at, struct list *ret_several);
