/* The bytes of a streaming answer that the peer has not taken yet. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/text.h"

struct http_stream_queue {
    struct buf next; /* to be sent after those on the way */
    size_t sending;  /* bytes on the way */
    size_t max;
    bool was_full; /* somebody waits for room */
};

void http_stream_queue_init(struct http_stream_queue *q, size_t max);
void http_stream_queue_fini(struct http_stream_queue *q);
size_t http_stream_queue_waiting(const struct http_stream_queue *q);
/* Returns 0, 1: no room now (noted), -EMSGSIZE: there never is, or -ENOMEM. */
int http_stream_queue_add(struct http_stream_queue *q, struct str bytes);
/* The bytes to be sent now (mem_free), NULL: nothing, or bytes are on the way already. */
char *http_stream_queue_take(struct http_stream_queue *q, size_t *ret_n);
/* Those on the way have been taken. */
void http_stream_queue_sent(struct http_stream_queue *q);
/* Once for each time that there was no room: half of it is free again. */
bool http_stream_queue_has_room(struct http_stream_queue *q);
