#include "services/forwarder/delivery_answer.h"

#include <stdio.h>

enum delivery_failure delivery_answer_failure(const struct http_answer *a)
{
    switch (a->error) {
    case HTTP_OK:
        return DELIVERY_ANSWERED;
    case HTTP_E_TOO_BIG: /* we read no further, but it was answered */
        return a->status > 0 ? DELIVERY_ANSWERED : DELIVERY_BROKEN;
    case HTTP_E_CONNECT:
    case HTTP_E_RESOLVE:
    case HTTP_E_URL:
    case HTTP_E_PRIVATE:
        return DELIVERY_NO_CONNECTION;
    case HTTP_E_TIMEOUT:
        return a->sent_ms < 0 ? DELIVERY_NO_CONNECTION : DELIVERY_TIMEOUT;
    default:
        return DELIVERY_BROKEN;
    }
}

void delivery_answer_describe(const struct http_answer *a, struct delivery_error *ret)
{
    ret->status = a->status;
    ret->answer = a->body;
    if (a->error == HTTP_OK || (a->error == HTTP_E_TOO_BIG && a->status > 0))
        (void)snprintf(ret->detail, sizeof ret->detail, "answered %d", a->status);
    else if (a->error == HTTP_E_PRIVATE)
        (void)snprintf(ret->detail, sizeof ret->detail,
                       "%s; allow_private = yes in FORWARD_CONFIG lets this destination",
                       http_error_text(a->error));
    else
        (void)snprintf(ret->detail, sizeof ret->detail, "%s%s%.80s", http_error_text(a->error),
                       a->detail[0] ? ": " : "", a->detail);
    if (ret->answer.n > FORWARD_ANSWER_MAX)
        ret->answer.n = FORWARD_ANSWER_MAX;
}

/* The cut keeps the milliseconds a number. */
int64_t delivery_answer_retry_after_ms(const struct http_answer *a)
{
    int64_t s = a->retry_after_s < PACE_PAUSE_MAX_MS / 1000 ? a->retry_after_s : PACE_PAUSE_MAX_MS / 1000;

    return s < 0 ? -1 : s * 1000;
}
