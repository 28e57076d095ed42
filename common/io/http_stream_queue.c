#include "common/io/http_stream_queue.h"

#include <errno.h>

#include "common/base/mem.h"

void http_stream_queue_init(struct http_stream_queue *q, size_t max)
{
    *q = (struct http_stream_queue){ .max = max };
    buf_init(&q->next, max);
}

void http_stream_queue_fini(struct http_stream_queue *q)
{
    buf_fini(&q->next);
}

size_t http_stream_queue_waiting(const struct http_stream_queue *q)
{
    return q->next.len + q->sending;
}

int http_stream_queue_add(struct http_stream_queue *q, struct str bytes)
{
    if (bytes.n > q->max)
        return -EMSGSIZE;
    if (http_stream_queue_waiting(q) + bytes.n > q->max) {
        q->was_full = true;
        return 1;
    }
    return buf_add(&q->next, bytes.p, bytes.n);
}

char *http_stream_queue_take(struct http_stream_queue *q, size_t *ret_n)
{
    char *bytes;

    if (q->sending > 0 || q->next.len == 0)
        return NULL;
    bytes = buf_take(&q->next, ret_n);
    buf_init(&q->next, q->max); /* an error of memory does not stick */
    q->sending = bytes ? *ret_n : 0;
    return bytes;
}

void http_stream_queue_sent(struct http_stream_queue *q)
{
    q->sending = 0;
}

bool http_stream_queue_has_room(struct http_stream_queue *q)
{
    bool room = q->was_full && http_stream_queue_waiting(q) <= q->max / 2;

    q->was_full = q->was_full && !room;
    return room;
}
