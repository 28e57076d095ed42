#include "common/base/hmac.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <string.h>

static EVP_MAC_CTX *new_hmac(const char *digest)
{
    OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)digest, 0),
                            OSSL_PARAM_construct_end() };
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;

    EVP_MAC_free(mac);
    if (!ctx || EVP_MAC_CTX_set_params(ctx, params) == 1)
        return ctx;
    EVP_MAC_CTX_free(ctx);
    return NULL;
}

/* Longer keys are not remembered. */
#define KEY_KEPT 64

/* Made once: that costs more than the HMAC of a webhook. It remembers its key, since to set it costs as much
 * as half of one, and it is nearly always the same. */
struct mac {
    EVP_MAC_CTX *ctx;
    uint8_t key[KEY_KEPT];
    size_t n; /* 0: none */
};

static int set_key(struct mac *m, struct str key)
{
    if (m->n > 0 && key.n == m->n && CRYPTO_memcmp(key.p, m->key, key.n) == 0)
        return EVP_MAC_init(m->ctx, NULL, 0, NULL);
    m->n = 0;
    if (EVP_MAC_init(m->ctx, (const unsigned char *)(key.p ? key.p : ""), key.n, NULL) != 1)
        return 0;
    if (key.p && key.n > 0 && key.n <= KEY_KEPT) {
        memcpy(m->key, key.p, key.n);
        m->n = key.n;
    }
    return 1;
}

/* HMAC over the parts one after the other. */
static int hmac(struct mac *m, const char *digest, struct str key, const struct str *parts, int n_parts,
                uint8_t *ret, size_t size)
{
    EVP_MAC_CTX *ctx = m->ctx = m->ctx ? m->ctx : new_hmac(digest);
    size_t len;
    int ok = ctx && set_key(m, key) == 1;

    for (int i = 0; ok && i < n_parts; i++)
        ok = EVP_MAC_update(ctx, (const unsigned char *)parts[i].p, parts[i].n) == 1;
    return ok && EVP_MAC_final(ctx, ret, &len, size) == 1 ? 0 : -ENOMEM;
}

int hmac_sha256(struct str key, const struct str *parts, int n_parts, uint8_t ret[SHA256_BYTES])
{
    static struct mac mac;

    return hmac(&mac, "SHA256", key, parts, n_parts, ret, SHA256_BYTES);
}

int hmac_sha512(struct str key, const struct str *parts, int n_parts, uint8_t ret[SHA512_BYTES])
{
    static struct mac mac;

    return hmac(&mac, "SHA512", key, parts, n_parts, ret, SHA512_BYTES);
}
