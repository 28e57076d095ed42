/* The check of tokens: a line of tokens, a line of query, then header lines, an empty line, the body. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/base64.h"
#include "common/base/hex.h"
#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/bridge/signature.h"
#include "tests/fuzz/input.h"

#define NOW_MS INT64_C(1614265330000)

static const int all_schemes[] = { SIGNATURE_STANDARD, SIGNATURE_HUB_256, SIGNATURE_WAHA_512, 0 };

static int check(const struct tokens *t, const int *schemes, const struct webhook_request *req,
                 struct str query)
{
    int r = auth_check(t, schemes, req, query, NOW_MS);

    MUST(r == 0 || r == AUTH_MISSING || r == AUTH_WRONG || r == AUTH_STALE);
    return r;
}

/* A sender without the secret is not let in. */
static void a_stranger_stays_out(const struct webhook_request *req, struct str query)
{
    char hex[2 * 32 + 1], key[64] = "whsec_";
    uint8_t secret[32];
    struct tokens t = { .n = 2 };

    rng_secret(secret, sizeof secret);
    hex_encode(secret, sizeof secret, hex);
    base64_encode(secret, sizeof secret, key + 6);
    t.token[0] = str_from(hex);
    t.token[1] = str_from(key);
    MUST(check(&t, all_schemes, req, query) != 0);
}

struct signed_request {
    struct str body;
    char at[24], signature[80];
};

static struct str signed_header(void *ctx, const char *name)
{
    const struct signed_request *s = ctx;

    if (strcasecmp(name, "webhook-id") == 0)
        return STR_LIT("msg_1");
    if (strcasecmp(name, "webhook-timestamp") == 0)
        return str_from(s->at);
    return strcasecmp(name, "webhook-signature") == 0 ? str_from(s->signature) : STR_NULL;
}

/* Who signs with the key is let in, with this body and no other. */
static void the_owner_comes_in(struct str body)
{
    static const char key[] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const struct tokens t = { .token = { str_from(key) }, .n = 1 };
    struct signed_request s = { .body = body };
    struct webhook_request req = { .body = body, .header = signed_header, .ctx = &s };

    (void)snprintf(s.at, sizeof s.at, "%lld", (long long)(NOW_MS / 1000));
    MUST(signature_standard(str_from(key), STR_LIT("msg_1"), str_from(s.at), body, s.signature) == 0);
    MUST(check(&t, all_schemes, &req, STR_NULL) == 0);
    if (body.n == 0)
        return;
    req.body.n--;
    MUST(check(&t, all_schemes, &req, STR_NULL) == AUTH_WRONG);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str rest = { (const char *)data, n };
    char *text = input_copy(input_until(&rest, "\n"));
    struct str query = input_until(&rest, "\n");
    struct input_request in;
    struct tokens t;
    int r = tokens_parse(text, &t);

    input_request(rest, &in);
    MUST(r == 0 || r == -E2BIG || r == -EINVAL || r == -EKEYREJECTED);
    if (r == 0) {
        MUST(t.n >= 0 && t.n <= TOKENS_MAX);
        r = check(&t, NULL, &in.request, query);
        MUST(t.n > 0 || r == 0);
        MUST(r != 0 || check(&t, all_schemes, &in.request, query) == 0);
    }
    a_stranger_stays_out(&in.request, query);
    the_owner_comes_in(in.request.body);
    free(text);
    return 0;
}
