/*
 * Everything that was presented is tried, against every token, and one match is enough: a sender may carry a
 * token and a signature, and during a rotation both tokens are right.
 */
#include "common/bridge/signature.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "common/base/base64.h"
#include "common/base/digest.h"
#include "common/base/hex.h"
#include "common/base/hmac.h"
#include "common/base/mem.h"
#include "common/base/percent.h"
#include "common/base/secret.h"

/* Longest token, as presented; settings take 4096 for both. */
#define TOKEN_MAX 2048
/* Longest key inside "whsec_"; the specification says 24 to 64 bytes. */
#define KEY_MAX 256
/* The least that the specification of Standard Webhooks allows. */
#define STANDARD_KEY_MIN 24
/* Room for "webhook-timestamp" in digits. */
#define TIMESTAMP_MAX 24

/* -- tokens -- */

static struct str trim(struct str s)
{
    while (s.n && (*s.p == ' ' || *s.p == '\t')) {
        s.p++;
        s.n--;
    }
    while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

static int standard_key(struct str secret, uint8_t ret[KEY_MAX], size_t *ret_n)
{
    if (!str_starts(secret, "whsec_"))
        return -EINVAL;
    if (base64_decode((struct str){ secret.p + 6, secret.n - 6 }, ret, KEY_MAX, ret_n) != 0)
        return -EINVAL;
    return *ret_n < STANDARD_KEY_MIN ? -EINVAL : 0;
}

int tokens_parse(const char *s, struct tokens *ret)
{
    struct tokens t = { 0 };
    uint8_t key[KEY_MAX];
    size_t n;

    while (s && *s) {
        const char *comma = strchrnul(s, ',');
        struct str token = trim((struct str){ s, (size_t)(comma - s) });

        if (!token.n)
            return -EINVAL;
        if (t.n == TOKENS_MAX)
            return -E2BIG;
        if (str_starts(token, "whsec_") && standard_key(token, key, &n) != 0)
            return -EKEYREJECTED;
        t.token[t.n++] = token;
        if (*comma && !comma[1])
            return -EINVAL;
        s = *comma ? comma + 1 : comma;
    }
    *ret = t;
    return 0;
}

static int check_token(const struct tokens *tokens, struct str presented)
{
    int found = 0;

    if (!presented.p)
        return AUTH_MISSING;
    for (int i = 0; i < tokens->n; i++)
        found |= secret_equal(tokens->token[i], presented);
    return found ? 0 : AUTH_WRONG;
}

/* -- where a token may be -- */

/* The text behind the scheme's name in an Authorization header. */
static struct str after_scheme(struct str value, const char *scheme)
{
    size_t n = strlen(scheme);

    if (value.n <= n || strncasecmp(value.p, scheme, n) != 0 || value.p[n] != ' ')
        return STR_NULL;
    return trim((struct str){ value.p + n, value.n - n });
}

static int check_basic(const struct tokens *tokens, struct str value)
{
    uint8_t plain[TOKEN_MAX];
    const char *colon;
    size_t n;

    if (!value.p)
        return AUTH_MISSING;
    if (base64_decode(value, plain, sizeof plain, &n))
        return AUTH_WRONG;
    colon = memchr(plain, ':', n);
    if (!colon)
        return AUTH_WRONG;
    return check_token(tokens, (struct str){ colon + 1, (size_t)((const char *)plain + n - colon - 1) });
}

static int check_query(const struct tokens *tokens, struct str query)
{
    struct str value = percent_field(query, "token");
    char plain[TOKEN_MAX];
    size_t n;

    if (!value.p)
        return AUTH_MISSING;
    if (check_token(tokens, value) == 0) /* a '+' that was meant as one */
        return 0;
    if (percent_decode(value, PERCENT_PLUS_IS_SPACE, plain, sizeof plain, &n))
        return AUTH_WRONG;
    return check_token(tokens, (struct str){ plain, n });
}

/* -- the challenge -- */

/* It is sent back: nothing that a browser or a terminal could take for more than a text. */
static bool is_harmless(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char c = text[i];

        if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' ||
              c == '_' || c == '.'))
            return false;
    }
    return n > 0;
}

int challenge_check(const struct tokens *tokens, struct str query, char ret[CHALLENGE_MAX])
{
    struct str mode = percent_field(query, "hub.mode"), token = percent_field(query, "hub.verify_token");
    struct str challenge = percent_field(query, "hub.challenge");
    char plain[TOKEN_MAX];
    size_t n;

    if (!str_eq(mode, "subscribe") || !challenge.p)
        return CHALLENGE_NONE;
    if (!token.p || percent_decode(token, PERCENT_PLUS_IS_SPACE, plain, sizeof plain, &n) ||
        check_token(tokens, (struct str){ plain, n }) != 0 || challenge.n >= CHALLENGE_MAX ||
        !is_harmless(challenge.p, challenge.n))
        return CHALLENGE_REFUSED;
    memcpy(ret, challenge.p, challenge.n);
    ret[challenge.n] = '\0';
    return 0;
}

/* -- signatures -- */

/* "v1,<base64>" over id.timestamp.body. */
int signature_standard(struct str secret, struct str id, struct str timestamp, struct str body, char ret[64])
{
    uint8_t key[KEY_MAX], mac[SHA256_BYTES];
    const struct str parts[] = { id, STR_LIT("."), timestamp, STR_LIT("."), body };
    size_t n;
    int r = standard_key(secret, key, &n);

    if (r == 0)
        r = hmac_sha256((struct str){ (const char *)key, n }, parts, ARRAY_LEN(parts), mac);
    if (r)
        return r;
    memcpy(ret, "v1,", 3);
    base64_encode(mac, sizeof mac, ret + 3);
    return 0;
}

/* Is one of the space-separated signatures this one? */
static bool is_among(struct str list, const char *signature)
{
    bool found = false;

    while (list.n) {
        const char *space = memchr(list.p, ' ', list.n);
        size_t n = space ? (size_t)(space - list.p) : list.n;

        found |= secret_equal((struct str){ list.p, n }, str_from(signature));
        list.p += space ? n + 1 : n;
        list.n -= space ? n + 1 : n;
    }
    return found;
}

static bool is_stale(struct str timestamp, int64_t now_ms)
{
    char text[TIMESTAMP_MAX];
    int64_t s;

    if (timestamp.n >= sizeof text)
        return true;
    memcpy(text, timestamp.p, timestamp.n);
    text[timestamp.n] = '\0';
    if (text_to_i64(text, &s) || s < 0 || s > INT64_MAX / 1000)
        return true;
    return s * 1000 < now_ms - SIGNATURE_TOLERANCE_MS || s * 1000 > now_ms + SIGNATURE_TOLERANCE_MS;
}

static int check_standard(struct str token, const struct webhook_request *req, int64_t now_ms)
{
    struct str id = webhook_header(req, "webhook-id"), timestamp = webhook_header(req, "webhook-timestamp");
    struct str given = webhook_header(req, "webhook-signature");
    char right[64];

    if (!id.n || !timestamp.n || !given.n)
        return AUTH_MISSING;
    if (signature_standard(token, id, timestamp, req->body, right) || !is_among(given, right))
        return AUTH_WRONG;
    return is_stale(timestamp, now_ms) ? AUTH_STALE : 0;
}

/* The schemes that sign the body alone, in hex. */
static const struct {
    const char *header, *prefix;
    bool is_sha512;
} of_body[] = {
    [SIGNATURE_HUB_256] = { "x-hub-signature-256", "sha256=", false },
    [SIGNATURE_WAHA_512] = { "x-webhook-hmac", "", true },
    [SIGNATURE_OPENWA_256] = { "x-openwa-signature", "sha256=", false },
    [SIGNATURE_WUZAPI_256] = { "x-hmac-signature", "", false },
};

const char *signature_header(int scheme)
{
    return scheme == SIGNATURE_STANDARD ? "webhook-signature" : of_body[scheme].header;
}

int signature_make(int scheme, struct str secret, struct str body, struct buf *out)
{
    char hex[2 * SHA512_BYTES + 1];
    uint8_t mac[SHA512_BYTES];
    int r;

    if (scheme == SIGNATURE_STANDARD)
        return -ENOTSUP;
    r = of_body[scheme].is_sha512 ? hmac_sha512(secret, &body, 1, mac) : hmac_sha256(secret, &body, 1, mac);
    if (r != 0)
        return r;
    hex_encode(mac, of_body[scheme].is_sha512 ? SHA512_BYTES : SHA256_BYTES, hex);
    return buf_addf(out, "%s: %s%s\n", of_body[scheme].header, of_body[scheme].prefix, hex);
}

static int check_of_body(int scheme, struct str token, const struct webhook_request *req)
{
    struct str given = webhook_header(req, of_body[scheme].header);
    size_t prefix = strlen(of_body[scheme].prefix),
           n = of_body[scheme].is_sha512 ? SHA512_BYTES : SHA256_BYTES;
    uint8_t right[SHA512_BYTES], mac[SHA512_BYTES];
    int r;

    if (!given.n)
        return AUTH_MISSING;
    if (!str_starts(given, of_body[scheme].prefix) ||
        hex_decode((struct str){ given.p + prefix, given.n - prefix }, mac, n))
        return AUTH_WRONG;
    r = of_body[scheme].is_sha512 ? hmac_sha512(token, &req->body, 1, right)
                                  : hmac_sha256(token, &req->body, 1, right);
    return r == 0 && secret_equal((struct str){ (char *)mac, n }, (struct str){ (char *)right, n })
               ? 0
               : AUTH_WRONG;
}

static int check_signature(int scheme, struct str token, const struct webhook_request *req, int64_t now_ms)
{
    return scheme == SIGNATURE_STANDARD ? check_standard(token, req, now_ms)
                                        : check_of_body(scheme, token, req);
}

/* -- all of it -- */

/* Of two answers the one that says more: right, then stale, then wrong, then missing. */
static int better(int a, int b)
{
    if (a == 0 || b == 0)
        return 0;
    return a > b ? a : b;
}

int signature_check(const struct tokens *tokens, const int *schemes, const struct webhook_request *req,
                    int64_t now_ms, int *ret_scheme)
{
    int answer = AUTH_MISSING;

    for (int i = 0; answer && schemes && schemes[i]; i++) {
        for (int t = 0; t < tokens->n; t++)
            answer = better(answer, check_signature(schemes[i], tokens->token[t], req, now_ms));
        if (answer == 0)
            *ret_scheme = schemes[i];
    }
    return answer;
}

int auth_check(const struct tokens *tokens, const int *schemes, const struct webhook_request *req,
               struct str query, int64_t now_ms)
{
    struct str authorization = webhook_header(req, "authorization");
    int answer, scheme;

    if (tokens->n == 0)
        return 0;
    answer = check_token(tokens, after_scheme(authorization, "Bearer"));
    answer = better(answer, check_basic(tokens, after_scheme(authorization, "Basic")));
    answer = better(answer, check_token(tokens, webhook_header(req, "x-webhook-token")));
    answer = better(answer, check_query(tokens, query));
    answer = better(answer, signature_check(tokens, schemes, req, now_ms, &scheme));
    /* A header of another scheme is something presented. */
    return answer == AUTH_MISSING && authorization.n ? AUTH_WRONG : answer;
}
