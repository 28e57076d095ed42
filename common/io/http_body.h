/*
 * The body of one request: read into memory within the limits, or read over. Its memory is counted in the
 * quota of the peer.
 */
#pragma once

#include "common/io/http_chunked.h"
#include "common/io/http_quota.h"

struct http_body {
    struct http_quota *quota;
    struct http_peer *peer;
    enum http_use use;
    size_t max; /* bytes that are kept at most */
    char *bytes;
    size_t len, cap;
    bool chunked;
    struct http_chunked chunks;
    int64_t left;    /* to come, without chunks */
    int64_t dropped; /* bytes that were read over */
};

enum http_body_answer {
    HTTP_BODY_LONG = 1, /* more than max; the beginning is there */
    HTTP_BODY_PEER,     /* this peer has no more memory */
    HTTP_BODY_ALL,      /* nobody has */
    HTTP_BODY_BAD,      /* the chunks are broken: *ret_fault */
};

/* Before the first body of a connection. */
void http_body_init(struct http_body *b, struct http_quota *q, struct http_peer *p);
/* A request begins; its header says how the body comes. */
void http_body_begin(struct http_body *b, const struct http_head *h, size_t max, enum http_use use);
bool http_body_is_over(const struct http_body *b);
/* Takes bytes from @io until the body is over or @io is used up. Returns 0, an http_body_answer or -ENOMEM. */
int http_body_read(struct http_body *b, struct str *io, struct http_fault *ret_fault);
/* The same, but the bytes are only counted in @dropped. Returns 0 or HTTP_BODY_BAD. */
int http_body_skip(struct http_body *b, struct str *io, struct http_fault *ret_fault);
/* Gives the bytes away (mem_free); NULL when there are none. */
char *http_body_take(struct http_body *b, size_t *ret_len);
/* The request is over: frees the bytes; a small buffer of a sender that is known stays for the next one unless
 * @all. */
void http_body_reset(struct http_body *b, bool all);
