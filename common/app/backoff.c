#include "common/app/backoff.h"

#include <limits.h>

/* Some five minutes after the first. */
#define NEWS_AGAIN 64

int64_t backoff_next_ms(struct backoff *b)
{
    b->delay_ms = b->tries == 0 ? BACKOFF_MIN_MS : b->delay_ms * 2;
    if (b->delay_ms > BACKOFF_MAX_MS)
        b->delay_ms = BACKOFF_MAX_MS;
    if (b->tries < INT_MAX)
        b->tries++;
    return b->delay_ms;
}

bool backoff_is_news(const struct backoff *b)
{
    return b->tries == 1 || (b->tries >= NEWS_AGAIN && (b->tries & (b->tries - 1)) == 0);
}

void backoff_reset(struct backoff *b)
{
    *b = (struct backoff){ 0 };
}
