#include "common/base/hmac.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <string.h>

int digest_sha256(const void *p, size_t n, uint8_t ret[SHA256_BYTES])
{
    static const EVP_MD *md; /* fetched once: looking the algorithm up costs more than a short digest */
    EVP_MD *fetched;

    if (!md) {
        fetched = EVP_MD_fetch(NULL, "SHA256", NULL);
        md = fetched ? fetched : EVP_sha256();
    }
    return EVP_Digest(p, n, ret, NULL, md, NULL) == 1 ? 0 : -ENOMEM;
}

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

bool secret_equal(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || CRYPTO_memcmp(a.p, b.p, a.n) == 0);
}

void hex_encode(const void *p, size_t n, char *ret)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *b = p;

    for (size_t i = 0; i < n; i++) {
        ret[2 * i] = digits[b[i] >> 4];
        ret[2 * i + 1] = digits[b[i] & 15];
    }
    ret[2 * n] = '\0';
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int hex_decode(struct str s, uint8_t *ret, size_t n)
{
    if (s.n != 2 * n)
        return -EINVAL;
    for (size_t i = 0; i < s.n; i++) {
        if (hex_digit(s.p[i]) < 0)
            return -EINVAL;
    }
    for (size_t i = 0; i < n; i++)
        ret[i] = (uint8_t)((unsigned)hex_digit(s.p[2 * i]) << 4 | (unsigned)hex_digit(s.p[2 * i + 1]));
    return 0;
}

void base64_encode(const void *p, size_t n, char *ret)
{
    (void)EVP_EncodeBlock((unsigned char *)ret, p, (int)n);
}

/* -1: none. */
static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int base64_decode(struct str s, uint8_t *ret, size_t max, size_t *ret_len)
{
    uint32_t bits = 0;
    int n_bits = 0;
    size_t len = 0;

    while (s.n > 0 && s.p[s.n - 1] == '=')
        s.n--;
    if (s.n % 4 == 1)
        return -EINVAL;
    for (size_t i = 0; i < s.n; i++) {
        int digit = base64_digit(s.p[i]);

        if (digit < 0)
            return -EINVAL;
        bits = bits << 6 | (uint32_t)digit;
        n_bits += 6;
        if (n_bits < 8)
            continue;
        if (len == max)
            return -EMSGSIZE;
        n_bits -= 8;
        ret[len++] = (uint8_t)(bits >> n_bits);
    }
    *ret_len = len;
    return 0;
}
