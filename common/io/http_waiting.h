/* Bytes behind a request that is not answered yet. Their memory is counted in the quota of the peer. */
#pragma once

#include "common/base/text.h"
#include "common/io/http_quota.h"

struct http_waiting {
    struct http_quota *quota;
    struct http_peer *peer;
    char *bytes;
    size_t n;
};

void http_waiting_init(struct http_waiting *w, struct http_quota *q, struct http_peer *p);
/* Returns 0, or -ENOMEM: there is no room for them. */
int http_waiting_add(struct http_waiting *w, struct str bytes);
/* Gives the bytes away (mem_free); NULL when there are none. */
char *http_waiting_take(struct http_waiting *w, size_t *ret_n);
