/*
 * Numbers as people and bridges write them: URLs, listen addresses, durations, sizes, rates, times. Taken within its
 * range, or refused; no sum goes over.
 */
#include <string.h>

#include "common/base/text.h"
#include "common/base/url.h"
#include "common/base/utf8.h"
#include "tests/fuzz/input.h"

static void read_numbers(const char *s)
{
    int64_t v = -1;

    if (text_to_duration_ms(s, &v) == 0)
        MUST(v >= 0);
    if (text_to_bytes(s, &v) == 0)
        MUST(v >= 0);
    if (text_to_rate_milli(s, &v) == 0)
        MUST(v >= 0);
    (void)text_to_i64(s, &v);
    (void)text_to_time_ms(s, &v);
}

static void read_url(const char *s, size_t n)
{
    struct url u;

    if (url_parse(s, &u) != 0)
        return;
    MUST(u.host.n > 0 && u.host.p >= s && u.host.p + u.host.n <= s + n);
    MUST(!u.path.p || (u.path.p >= s && u.path.p + u.path.n <= s + n));
    MUST(!u.query.p || (u.query.p >= s && u.query.p + u.query.n <= s + n));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char *s = input_copy((struct str){ (const char *)data, n });
    char host[64];
    uint16_t port;

    read_numbers(s);
    read_url(s, n);
    if (url_parse_listen(s, host, sizeof host, &port) == 0)
        MUST(host[sizeof host - 1] == '\0' || memchr(host, '\0', sizeof host));
    (void)url_is_bus(s);
    (void)utf8_is_valid(s, n);
    free(s);
    return 0;
}
