#include "common/io/bus_batch.h"

#include <stdint.h>
#include <string.h>

#include "proto/topic.h"

bool bus_batch_next(struct str *rest, struct str *ret)
{
    const uint8_t *at = (const uint8_t *)rest->p;
    size_t n;

    if (rest->n < 4)
        return false;
    n = (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
    if (n > rest->n - 4)
        return false;
    *ret = (struct str){ rest->p + 4, n };
    *rest = (struct str){ rest->p + 4 + n, rest->n - 4 - n };
    return true;
}

bool bus_topic_matches(struct str message, const char *const *prefixes, int n)
{
    for (int i = 0; i < n; i++) {
        if (str_starts(message, prefixes[i]))
            return true;
    }
    return false;
}

static bool has_topic(struct str message)
{
    size_t max = message.n < TOPIC_MAX ? message.n : TOPIC_MAX;
    size_t n = 0;

    while (n < max && message.p[n] > ' ' && message.p[n] < 0x7f)
        n++;
    return n > 0 && n < max && message.p[n] == '\0';
}

bool bus_message_is_valid(struct str message)
{
    struct str rest, one;

    if (message.n == 0 || message.p[0] != BUS_BATCH)
        return has_topic(message);
    rest = (struct str){ message.p + 1, message.n - 1 };
    if (rest.n == 0)
        return false;
    while (bus_batch_next(&rest, &one)) {
        if (!has_topic(one))
            return false;
    }
    return rest.n == 0;
}
