/*
 * Is this webhook from whom it should be? Tokens and signatures, pure, constant-time.
 */
#pragma once

#include "common/base/buf.h"
#include "common/bridge/webhook.h"

/* Two live tokens at most are for rotation; more is taken for a mistake. */
#define TOKENS_MAX 2

struct tokens {
    struct str token[TOKENS_MAX];
    int n; /* 0: open */
};
/* Splits "a,b" (white space around each dropped). Points into @s. -E2BIG: more than two; -EINVAL: an empty
 * one; -EKEYREJECTED: a "whsec_" that is no key of 24 bytes or more in base64. */
int tokens_parse(const char *s, struct tokens *ret);

enum signature_scheme {
    SIGNATURE_STANDARD =
        1,              /* webhook-id, webhook-timestamp, webhook-signature: "v1,<base64>" space separated */
    SIGNATURE_HUB_256,  /* X-Hub-Signature-256: sha256=<hex> */
    SIGNATURE_WAHA_512, /* X-Webhook-Hmac: <hex HMAC-SHA512 over the raw body> */
    SIGNATURE_OPENWA_256, /* X-OpenWA-Signature: sha256=<hex> */
    SIGNATURE_WUZAPI_256, /* x-hmac-signature: <hex HMAC-SHA256> */
};
/* The header that carries it, in small letters. */
const char *signature_header(int scheme);
/* The header of a scheme that signs the body alone, as "name: value\n", appended to @out. Returns 0, -ENOTSUP
 * (SIGNATURE_STANDARD) or -ENOMEM. */
int signature_make(int scheme, struct str secret, struct str body, struct buf *out);
/* ± around now for SIGNATURE_STANDARD (its specification). */
#define SIGNATURE_TOLERANCE_MS (5 * 60 * 1000)

/*
 * Signatures alone: is one of @schemes (0-ended) right with one of the tokens? Returns 0 and *ret_scheme, or an
 * auth_answer. SIGNATURE_STANDARD signs webhook-id, webhook-timestamp and the body, the others the body alone.
 */
int signature_check(const struct tokens *tokens, const int *schemes, const struct webhook_request *req,
                    int64_t now_ms, int *ret_scheme);

enum auth_answer {
    AUTH_MISSING = 1, /* nothing was presented */
    AUTH_WRONG = 2,   /* a token or signature that does not match */
    AUTH_STALE = 3,   /* right signature, timestamp out of tolerance */
};

/*
 * @query is the URL's query string without '?', or STR_NULL. Accepted: Authorization: Bearer, Basic password,
 * X-Webhook-Token, ?token=, and the signatures of @schemes (0-ended, may be NULL) with the token as key
 * ("whsec_" + base64 for SIGNATURE_STANDARD, raw text otherwise). With no tokens everything passes.
 * Returns 0 or an auth_answer.
 */
int auth_check(const struct tokens *tokens, const int *schemes, const struct webhook_request *req,
               struct str query, int64_t now_ms);

/* Builds "v1,<base64>" over "<id>.<timestamp>.<body>" into @ret (room for 64 bytes); the timestamp is in
 * seconds. -EINVAL: no whsec_ key. */
int signature_standard(struct str secret, struct str id, struct str timestamp, struct str body, char ret[64]);

/* Meta verifies a webhook's URL by GET with hub.mode=subscribe, hub.verify_token and hub.challenge. */
#define CHALLENGE_MAX 256
enum challenge_answer {
    CHALLENGE_NONE = 1, /* the query is none */
    CHALLENGE_REFUSED,  /* the token is none of @tokens, or the challenge is no plain text */
};
/* Returns 0 and the text to answer with, or a challenge_answer. */
int challenge_check(const struct tokens *tokens, struct str query, char ret[CHALLENGE_MAX]);
