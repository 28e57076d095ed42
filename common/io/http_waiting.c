#include "common/io/http_waiting.h"

#include <errno.h>
#include <string.h>

#include "common/base/mem.h"

/* Reading stops with the first of them, but one read may bring more than one. */
#define BYTES_MAX (128 * 1024)

void http_waiting_init(struct http_waiting *w, struct http_quota *q, struct http_peer *p)
{
    *w = (struct http_waiting){ .quota = q, .peer = p };
}

int http_waiting_add(struct http_waiting *w, struct str bytes)
{
    char *all;

    if (w->n + bytes.n > BYTES_MAX ||
        http_quota_take(w->quota, w->peer, HTTP_USE_HEADERS, (int64_t)bytes.n) != 0)
        return -ENOMEM;
    all = mem_realloc(w->bytes, w->n + bytes.n);
    if (!all) {
        http_quota_give(w->quota, w->peer, HTTP_USE_HEADERS, (int64_t)bytes.n);
        return -ENOMEM;
    }
    memcpy(all + w->n, bytes.p, bytes.n);
    w->bytes = all;
    w->n += bytes.n;
    return 0;
}

char *http_waiting_take(struct http_waiting *w, size_t *ret_n)
{
    char *bytes = TAKE(w->bytes);

    http_quota_give(w->quota, w->peer, HTTP_USE_HEADERS, (int64_t)w->n);
    *ret_n = w->n;
    w->n = 0;
    return bytes;
}
