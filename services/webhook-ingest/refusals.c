#include "services/webhook-ingest/refusals.h"

#include "common/base/log.h"

/* Of a path in a log line. */
#define PATH_SHOWN 200

enum refusal_reason refusals_of_status(int status)
{
    switch (status) {
    case 400:
        return REFUSAL_UNREADABLE;
    case 401:
        return REFUSAL_UNAUTHORIZED;
    case 403:
    case 421:
        return REFUSAL_FROM_BROWSER;
    case 404:
    case 405:
        return REFUSAL_ROUTE;
    case 413:
        return REFUSAL_BODY_SIZE;
    case 415:
        return REFUSAL_MEDIA_TYPE;
    default:
        return REFUSAL_OVERLOAD;
    }
}

enum refusal_reason refusals_of_server(enum http_refusal why)
{
    switch (why) {
    case HTTP_REFUSED_BODY:
        return REFUSAL_BODY_SIZE;
    case HTTP_REFUSED_SLOW:
    case HTTP_REFUSED_BROKEN:
        return REFUSAL_INCOMPLETE;
    case HTTP_REFUSED_PEER_MEMORY:
    case HTTP_REFUSED_PEER_CONNECTIONS:
        return REFUSAL_PEER_LIMIT;
    case HTTP_REFUSED_MEMORY:
    case HTTP_REFUSED_CONNECTIONS:
        return REFUSAL_OVERLOAD;
    default:
        return REFUSAL_MALFORMED;
    }
}

/* A path may have 16 KiB, and may not be there at all. */
static struct str shown(struct str s)
{
    if (!s.p)
        return STR_LIT("");
    return (struct str){ s.p, s.n < PATH_SHOWN ? s.n : PATH_SHOWN };
}

void refusals_note(struct refusals *r, const struct refusal *f, int64_t now_ms)
{
    int64_t *last = &r->logged_ms[f->reason];

    metric_add(&ingest_refused, f->reason, 1);
    if (*last != 0 && now_ms - *last < REFUSALS_EVERY_MS) {
        r->more[f->reason]++;
        return;
    }
    *last = now_ms > 0 ? now_ms : 1;
    log_warn("webhook-refused", f->detail, KI("status", f->status), KR("peer", f->peer),
             KR("bridge", shown(f->bridge)), KR("path", shown(f->path)), KI("bytes", f->bytes),
             KI("more", r->more[f->reason]));
    r->more[f->reason] = 0;
}
