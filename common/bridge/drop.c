/*
 * The places are those of Baileys' error in its wrappings (zapw, Evolution), of whatsmeow's events, and of the flat
 * forms of the contract. The first that gives a code wins.
 */
#include "common/bridge/drop.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/json_in.h"
#include "common/base/mem.h"

/* Codes of a drop are HTTP-like, from 400; others have their own up to four digits. 200 means that all is well. */
#define CODE_MIN 300
#define CODE_MAX 9999
/* WhatsApp's reasons of a temporary ban (whatsmeow: 101 too many messages … 106). */
#define BAN_REASON_MIN 101
#define BAN_REASON_MAX 106
#define TEMPORARY_BAN  402
/* A number up to this is a duration in seconds (32 years), a larger one up to this a time in ms; beyond, ns. */
#define SECONDS_MAX INT64_C(1000000000)
#define TIME_S_MAX  INT64_C(4102444800)
#define TIME_MS_MAX (TIME_S_MAX * 1000)

enum field { CODE, SHOULD, EXPIRE };

static const struct json_path paths[] = {
    { CODE, { "data", "reason", "reason", "output", "statusCode" } },
    { CODE, { "data", "reason", "output", "statusCode" } },
    { CODE, { "data", "reason", "statusCode" } },
    { CODE, { "data", "reason", "code" } },
    { CODE, { "data", "statusCode" } },
    { CODE, { "data", "code" } },
    { CODE, { "data", "disconnectionReasonCode" } },
    { CODE, { "data", "statusReason" } },
    { CODE, { "data", "lastDisconnect", "error", "output", "statusCode" } },
    { CODE, { "data", "lastDisconnect", "error", "statusCode" } },
    { CODE, { "data", "error", "output", "statusCode" } },
    { CODE, { "data", "error", "statusCode" } },
    { CODE, { "data", "reason", "reason", "data", "attrs", "type" } },
    { CODE, { "data", "reason", "data", "attrs", "type" } },
    { CODE, { "data", "reason", "reason" } },
    { CODE, { "data", "reason" } },
    { CODE, { "code" } },
    { CODE, { "statusCode" } },
    { CODE, { "disconnectionReasonCode" } },
    { CODE, { "statusReason" } },
    { CODE, { "lastDisconnect", "error", "output", "statusCode" } },
    { CODE, { "reason" } },
    { SHOULD, { "data", "reason", "shouldReconnect" } },
    { SHOULD, { "data", "shouldReconnect" } },
    { SHOULD, { "shouldReconnect" } },
    { EXPIRE, { "data", "reason", "expire" } },
    { EXPIRE, { "data", "reason", "expires" } },
    { EXPIRE, { "data", "expire" } },
    { EXPIRE, { "data", "expires" } },
    { EXPIRE, { "data", "expiresAt" } },
    { EXPIRE, { "expire" } },
};
#define PATHS ((int)ARRAY_LEN(paths))

/* Names without spaces and punctuation, in small letters. */
static const struct {
    const char *name;
    int code;
} reasons[] = {
    { "replaced", 440 },        { "connectionreplaced", 440 },  { "streamreplaced", 440 },
    { "conflict", 440 },        { "loggedout", 401 },           { "deviceremoved", 401 },
    { "unauthorized", 401 },    { "temporaryban", 402 },        { "temporarilybanned", 402 },
    { "tempban", 402 },         { "forbidden", 403 },           { "accountlocked", 403 },
    { "locked", 403 },          { "clientoutdated", 405 },      { "outdated", 405 },
    { "banned", 406 },          { "connectionlost", 408 },      { "timedout", 408 },
    { "timeout", 408 },         { "multidevicemismatch", 411 }, { "connectionclosed", 428 },
    { "badsession", 500 },      { "unavailableservice", 503 },  { "serviceunavailable", 503 },
    { "restartrequired", 515 },
};

int drop_code_of_reason(const char *reason)
{
    char plain[32];
    size_t n = 0;

    for (; *reason && n < sizeof plain - 1; reason++) {
        char c = *reason;

        if (c >= 'A' && c <= 'Z')
            c = (char)(c + ('a' - 'A'));
        if (c >= 'a' && c <= 'z')
            plain[n++] = c;
    }
    plain[n] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
        if (str_eq(str_from(plain), reasons[i].name))
            return reasons[i].code;
    }
    return 0;
}

static int code_of_number(int64_t n)
{
    if (n >= BAN_REASON_MIN && n <= BAN_REASON_MAX)
        return TEMPORARY_BAN;
    return n >= CODE_MIN && n <= CODE_MAX ? (int)n : 0;
}

int drop_code_of(struct json_value v)
{
    char text[64], *end;
    int64_t n = 0;

    if (v.kind == JSON_IN_NUMBER && json_in_i64(v, &n) == 0)
        return code_of_number(n);
    if (v.kind != JSON_IN_TEXT)
        return 0;
    (void)json_in_text(v, text, sizeof text);
    n = strtol(text, &end, 10);
    return end > text && !*end ? code_of_number(n) : drop_code_of_reason(text);
}

int drop_code_in(struct json_value v)
{
    char text[256], *end;

    (void)json_in_text(v, text, sizeof text);
    for (const char *at = strchr(text, '('); at; at = strchr(at + 1, '(')) {
        long n = strtol(at + 1, &end, 10);

        if (end > at + 1 && *end == ')' && n >= CODE_MIN && n <= CODE_MAX)
            return (int)n;
    }
    return 0;
}

/* Seconds or nanoseconds from @from, or a time of its own in seconds, milliseconds or ISO 8601; 0: none of them. */
static int64_t end_of_ban(struct json_value v, int64_t from)
{
    char text[40];
    int64_t t = 0;

    if (v.kind == JSON_IN_TEXT)
        return text_to_time_ms(json_in_text(v, text, sizeof text), &t) == 0 ? t : 0;
    if (v.kind != JSON_IN_NUMBER || json_in_i64(v, &t) != 0 || t <= 0)
        return 0;
    if (t > TIME_MS_MAX)
        return from > 0 ? from + t / 1000000 : 0;
    if (t > TIME_S_MAX)
        return t;
    if (t > SECONDS_MAX)
        return t * 1000;
    return from > 0 ? from + t * 1000 : 0;
}

struct drop drop_read(struct str body, int64_t occurred_at)
{
    struct drop d = { .should_reconnect = true };
    struct json_value v[ARRAY_LEN(paths)], should;

    if (json_in_find(body, paths, PATHS, v))
        return d;
    for (int i = 0; i < PATHS && d.code == 0; i++) {
        if (paths[i].field == CODE)
            d.code = drop_code_of(v[i]);
    }
    for (int i = 0; i < PATHS && d.ban_until == 0; i++) {
        if (paths[i].field == EXPIRE)
            d.ban_until = end_of_ban(v[i], occurred_at);
    }
    should = json_in_first(paths, v, PATHS, SHOULD, JSON_IN_TRUE);
    d.has_should_reconnect = should.kind != JSON_IN_ABSENT;
    d.should_reconnect = should.kind != JSON_IN_FALSE;
    return d;
}
