/* Tokens and signatures: those that are accepted, those that are refused, and the answer to each. */
#include "fixture.h"

#include <errno.h>

#include "common/base/mem.h"
#include "common/bridge/signature.h"

#define NOW_MS INT64_C(1614265330000)

/* libcrypto's comparison takes as long for any two texts of one length. The linker lets its calls come
 * through here (CMakeLists.txt). */
int __real_CRYPTO_memcmp(const void *a, const void *b, size_t n);
int __wrap_CRYPTO_memcmp(const void *a, const void *b, size_t n);
static int compared;
static size_t compared_bytes;

int __wrap_CRYPTO_memcmp(const void *a, const void *b, size_t n)
{
    compared++;
    compared_bytes += n;
    return __real_CRYPTO_memcmp(a, b, n);
}

/* Headers as "name: value" lines, for webhook_request.header. */
static struct str line_header(void *ctx, const char *name)
{
    const char *p = ctx;
    size_t n = strlen(name);

    for (; *p; p = *strchrnul(p, '\n') ? strchrnul(p, '\n') + 1 : strchrnul(p, '\n')) {
        if (strncmp(p, name, n) == 0 && strncmp(p + n, ": ", 2) == 0)
            return (struct str){ p + n + 2, (size_t)(strchrnul(p, '\n') - p) - n - 2 };
    }
    return STR_NULL;
}

static const int all_schemes[] = { SIGNATURE_STANDARD, SIGNATURE_HUB_256, SIGNATURE_WAHA_512, 0 };

static int check(const char *tokens, const int *schemes, const char *headers, const char *query,
                 const char *body, int64_t now_ms)
{
    struct webhook_request req = { .body = str_from(body),
                                   .header = line_header,
                                   .ctx = (void *)(uintptr_t)headers };
    struct tokens t;

    assert_int_equal(tokens_parse(tokens, &t), 0);
    return auth_check(&t, schemes, &req, str_from(query), now_ms);
}

static const struct {
    const char *tokens, *headers, *query;
    int answer;
} presented[] = {
    { "", "", NULL, 0 }, /* open */
    { "t1", "", NULL, AUTH_MISSING },
    { "t1", "", "a=b", AUTH_MISSING },
    { "t1", "authorization: Bearer t1", NULL, 0 },
    { "t1", "authorization: bearer  t1", NULL, 0 },
    { "t1", "authorization: Bearer t2", NULL, AUTH_WRONG },
    { "t1", "authorization: Bearer t1x", NULL, AUTH_WRONG },
    { "t1", "authorization: Bearer", NULL, AUTH_WRONG },
    { "t1", "authorization: Digest t1", NULL, AUTH_WRONG },
    { "t1, t2", "authorization: Bearer t2", NULL, 0 },
    { "t1, t2", "authorization: Bearer t1", NULL, 0 },
    { "t1, t2", "authorization: Bearer t1, t2", NULL, AUTH_WRONG },
    { "t1", "authorization: Basic emFwa2VlcDp0MQ==", NULL, 0 },          /* zapkeep:t1 */
    { "t1", "authorization: Basic emFwa2VlcDp0MTI=", NULL, AUTH_WRONG }, /* zapkeep:t12 */
    { "t:1", "authorization: Basic eDp0OjE=", NULL, 0 },                 /* x:t:1 */
    { "t1", "authorization: Basic dDE=", NULL, AUTH_WRONG },             /* t1, no colon */
    { "t1", "authorization: Basic !!", NULL, AUTH_WRONG },
    { "t1", "x-webhook-token: t1", NULL, 0 },
    { "t1", "x-webhook-token: t2", NULL, AUTH_WRONG },
    { "t1", "", "token=t1", 0 },
    { "t1", "", "a=b&token=t1&c=d", 0 },
    { "t1", "", "token=%741", 0 },
    { "t+1", "", "token=t+1", 0 },
    { "t 1", "", "token=t+1", 0 },
    { "t1", "", "token=t2", AUTH_WRONG },
    { "t1", "", "token=%7", AUTH_WRONG },
    { "t1", "", "token=", AUTH_WRONG },
    { "t1", "", "xtoken=t1", AUTH_MISSING },
    { "t1", "authorization: Bearer wrong\nx-webhook-token: t1", NULL, 0 }, /* one match is enough */
};

static void tokens_are_taken_where_they_may_be(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(presented); i++) {
        if (check(presented[i].tokens, NULL, presented[i].headers, presented[i].query, "{}", NOW_MS) !=
            presented[i].answer)
            fail_msg("row %zu: tokens \"%s\", %s, ?%s", i, presented[i].tokens, presented[i].headers,
                     presented[i].query ? presented[i].query : "");
    }
}

/* How long a refusal takes says nothing about how much of a token was right, nor of which of two. */
static void every_token_is_compared_to_its_end(void **state)
{
    static const char *const guesses[] = { "abcdefgh", "ijklmnop", "xbcdefgh", "abcdefgx",
                                           "ijklmnox", "xxxxxxxx", "abcdxxxx" };
    char line[64];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(guesses); i++) {
        int right = i < 2 ? 0 : AUTH_WRONG;

        compared = 0;
        compared_bytes = 0;
        (void)snprintf(line, sizeof line, "authorization: Bearer %s", guesses[i]);
        assert_int_equal(check("abcdefgh,ijklmnop", NULL, line, NULL, "", NOW_MS), right);
        assert_int_equal(compared, 2);
        assert_int_equal(compared_bytes, 16);
    }
}

static void two_tokens_are_the_most(void **state)
{
    struct tokens t = { .n = -1 };

    assert_int_equal(tokens_parse("a,b,c", &t), -E2BIG);
    assert_int_equal(tokens_parse("a,", &t), -EINVAL);
    assert_int_equal(tokens_parse("whsec_YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnc", &t), -EKEYREJECTED); /* 23 bytes */
    assert_int_equal(tokens_parse(",a", &t), -EINVAL);
    assert_int_equal(tokens_parse("a, ,b", &t), -EINVAL);
    assert_int_equal(tokens_parse(" ", &t), -EINVAL);
    assert_int_equal(t.n, -1);
    assert_int_equal(tokens_parse("whsec_YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4", &t), 0);
    assert_int_equal(tokens_parse(NULL, &t), 0);
    assert_int_equal(t.n, 0);
    assert_int_equal(tokens_parse(" a\t,  b ", &t), 0);
    assert_int_equal(t.n, 2);
    assert_true(str_eq(t.token[0], "a") && str_eq(t.token[1], "b"));
}

/* The example of the Standard Webhooks specification. */
#define STANDARD_SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define STANDARD_BODY   "{\"test\": 2432232314}"
#define STANDARD_HEAD \
    "webhook-id: msg_p5jXN8AQM9LWM0D4loKWxJek\nwebhook-timestamp: 1614265330\nwebhook-signature: "
#define STANDARD_SIGN "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
/* The vector of WAHA's documentation. */
#define WAHA_BODY "{\"event\":\"message\",\"session\":\"default\",\"engine\":\"WEBJS\"}"
#define WAHA_SIGN                                                      \
    "208f8a55dde9e05519e898b10b89bf0d0b3b0fdf11fdbf09b6b90476301b98d8" \
    "097c462b2b17a6ce93b6b47a136cf2e78a33a63f6752c2c1631777076153fa89"
/* The example of GitHub's documentation for this header. */
#define HUB_SIGN "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"

static const struct {
    const char *token, *headers, *body;
    int64_t now_ms;
    int answer;
} signed_[] = {
    { STANDARD_SECRET, STANDARD_HEAD STANDARD_SIGN, STANDARD_BODY, NOW_MS, 0 },
    { STANDARD_SECRET, STANDARD_HEAD "v1,AAAA " STANDARD_SIGN " v2,x", STANDARD_BODY, NOW_MS, 0 },
    { "other," STANDARD_SECRET, STANDARD_HEAD STANDARD_SIGN, STANDARD_BODY, NOW_MS, 0 },
    { STANDARD_SECRET, STANDARD_HEAD STANDARD_SIGN, "{\"test\": 2432232315}", NOW_MS, AUTH_WRONG },
    { STANDARD_SECRET, STANDARD_HEAD "v1,AAAA", STANDARD_BODY, NOW_MS, AUTH_WRONG },
    { "not-a-whsec", STANDARD_HEAD STANDARD_SIGN, STANDARD_BODY, NOW_MS, AUTH_WRONG },
    { STANDARD_SECRET, STANDARD_HEAD STANDARD_SIGN, STANDARD_BODY, NOW_MS + SIGNATURE_TOLERANCE_MS, 0 },
    { STANDARD_SECRET, STANDARD_HEAD STANDARD_SIGN, STANDARD_BODY, NOW_MS + SIGNATURE_TOLERANCE_MS + 1,
      AUTH_STALE },
    { STANDARD_SECRET, STANDARD_HEAD STANDARD_SIGN, STANDARD_BODY, NOW_MS - SIGNATURE_TOLERANCE_MS - 1,
      AUTH_STALE },
    { STANDARD_SECRET, "webhook-signature: " STANDARD_SIGN, STANDARD_BODY, NOW_MS, AUTH_MISSING },
    { "my-secret-key", "x-webhook-hmac: " WAHA_SIGN, WAHA_BODY, NOW_MS, 0 },
    { "my-secret-kez", "x-webhook-hmac: " WAHA_SIGN, WAHA_BODY, NOW_MS, AUTH_WRONG },
    { "my-secret-key", "x-webhook-hmac: 20", WAHA_BODY, NOW_MS, AUTH_WRONG },
    { "It's a Secret to Everybody", "x-hub-signature-256: " HUB_SIGN, "Hello, World!", NOW_MS, 0 },
    { "It's a Secret to Everybody", "x-hub-signature-256: " HUB_SIGN, "Hello, World", NOW_MS, AUTH_WRONG },
    { "It's a Secret to Everybody", "x-hub-signature-256: sha1=00", "Hello, World!", NOW_MS, AUTH_WRONG },
    { "t", "", "{}", NOW_MS, AUTH_MISSING },
};

static void signatures_are_verified(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(signed_); i++) {
        int r = check(signed_[i].token, all_schemes, signed_[i].headers, NULL, signed_[i].body,
                      signed_[i].now_ms);

        if (r != signed_[i].answer)
            fail_msg("row %zu: %s: answer %d", i, signed_[i].headers, r);
    }
}

static void only_the_schemes_of_the_bridge_count(void **state)
{
    static const int hub[] = { SIGNATURE_HUB_256, 0 };

    assert_int_equal(check("my-secret-key", hub, "x-webhook-hmac: " WAHA_SIGN, NULL, WAHA_BODY, NOW_MS),
                     AUTH_MISSING);
    assert_int_equal(check("my-secret-key", NULL, "x-webhook-hmac: " WAHA_SIGN, NULL, WAHA_BODY, NOW_MS),
                     AUTH_MISSING);
}

static void a_signature_is_built_as_it_is_verified(void **state)
{
    const struct str at = STR_LIT("1614265330");
    char sign[64] = "";

    for (int i = 0; i < 2; i++) {
        assert_int_equal(signature_standard(STR_LIT("whsec_b3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIh"), STR_LIT("a"),
                                            at, STR_LIT(""), sign),
                         0);
        assert_string_not_equal(sign, STANDARD_SIGN);
    }
    for (int i = 0; i < 2; i++) { /* also when the key is the one of the time before */
        assert_int_equal(signature_standard(STR_LIT(STANDARD_SECRET), STR_LIT("msg_p5jXN8AQM9LWM0D4loKWxJek"),
                                            at, STR_LIT(STANDARD_BODY), sign),
                         0);
        assert_string_equal(sign, STANDARD_SIGN);
    }
    assert_int_equal(signature_standard(STR_LIT("plain"), STR_LIT("a"), at, STR_LIT(""), sign), -EINVAL);
    assert_int_equal(signature_standard(STR_LIT("whsec_%%"), STR_LIT("a"), at, STR_LIT(""), sign), -EINVAL);
    assert_string_equal(sign, STANDARD_SIGN);
}

static struct str made_header(void *ctx, const char *name)
{
    const char *line = ctx;
    size_t n = strlen(name);

    if (strncasecmp(line, name, n) != 0 || line[n] != ':')
        return STR_NULL;
    return (struct str){ line + n + 2, strlen(line) - n - 3 }; /* without the line's end */
}

static void every_scheme_of_the_body_can_be_made(void **state)
{
    static const int schemes[] = { SIGNATURE_HUB_256, SIGNATURE_WAHA_512, SIGNATURE_OPENWA_256,
                                   SIGNATURE_WUZAPI_256 };
    struct tokens tokens;

    assert_int_equal(tokens_parse("hook-secret,next", &tokens), 0);
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        CLEANUP(buf_fini) struct buf line = BUF_INIT(1024);
        const int only[] = { schemes[i], 0 };
        struct webhook_request req = { .body = STR_LIT("probe"), .header = made_header };
        int scheme;

        assert_int_equal(signature_make(schemes[i], STR_LIT("hook-secret"), req.body, &line), 0);
        req.ctx = (void *)buf_str(&line);
        assert_int_equal(signature_check(&tokens, only, &req, 0, &scheme), 0);
        req.body = STR_LIT("another");
        assert_int_equal(signature_check(&tokens, only, &req, 0, &scheme), AUTH_WRONG);
    }
    assert_int_equal(signature_make(SIGNATURE_STANDARD, STR_LIT("s"), STR_LIT(""), NULL), -ENOTSUP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_are_taken_where_they_may_be),
        cmocka_unit_test(every_token_is_compared_to_its_end),
        cmocka_unit_test(two_tokens_are_the_most),
        cmocka_unit_test(signatures_are_verified),
        cmocka_unit_test(only_the_schemes_of_the_bridge_count),
        cmocka_unit_test(a_signature_is_built_as_it_is_verified),
        cmocka_unit_test(every_scheme_of_the_body_can_be_made),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
