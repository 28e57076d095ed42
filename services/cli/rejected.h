/* A webhook that was refused, posted to webhook-ingest once more. */
#pragma once

#include "common/store/events.h"

struct rejected_target {
    const char *url;   /* of the webhooks of the row's bridge */
    const char *token; /* "": none */
    bool json;         /* print the answer as it is */
};

/* Posts the row's body as JSON and prints the result. Returns an exit code: EXIT_NEGATIVE when only a part of
 * the body was kept, or when it is refused again; EXIT_UNREACHABLE when nobody answers. */
int rejected_accept(const struct rejected *row, const struct rejected_target *t);
