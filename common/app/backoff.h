/*
 * Waiting for a file or a peer that is needed: 250 ms, doubled up to 5 s, and a log line at the 1st failure,
 * and at the 64th, 128th … (after five minutes, ten …).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct backoff {
    int64_t delay_ms;
    int tries;
};
#define BACKOFF_MIN_MS 250
#define BACKOFF_MAX_MS 5000
int64_t backoff_next_ms(struct backoff *b);    /* counts a failure, says how long to wait */
bool backoff_is_news(const struct backoff *b); /* is this failure worth a line? */
void backoff_reset(struct backoff *b);
