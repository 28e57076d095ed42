/* The bytes of a request's header while they come in. Its memory is counted in the quota of the peer. */
#pragma once

#include "common/io/http_head.h"
#include "common/io/http_quota.h"

struct http_header {
    struct http_quota *quota;
    struct http_peer *peer;
    char *bytes;
    size_t len, cap;
    size_t scanned; /* bytes that were searched for the end */
};

enum http_header_answer {
    HTTP_HEADER_WHOLE = 1, /* the header is complete; @io is behind it */
    HTTP_HEADER_PEER,      /* this peer has no more memory */
    HTTP_HEADER_ALL,       /* nobody has */
    HTTP_HEADER_BAD,       /* no header begins so, or it is longer than @max: *ret_fault */
};

/* Before the first header of a connection. */
void http_header_init(struct http_header *h, struct http_quota *q, struct http_peer *p);
/* Takes bytes from @io. Returns 0: all of @io, and more is needed; an http_header_answer; or -ENOMEM. */
int http_header_take(struct http_header *h, struct str *io, size_t max, struct http_fault *ret_fault);
/* The request is over: the next header may come. A small buffer stays for it unless @all. */
void http_header_reset(struct http_header *h, bool all);
