/*
 * Digests and their texts, by libcrypto. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/text.h"

#define SHA256_BYTES 32
#define SHA512_BYTES 64

/* Return 0 or -ENOMEM (libcrypto could not allocate). */
int digest_sha256(const void *p, size_t n, uint8_t ret[SHA256_BYTES]);
int hmac_sha256(struct str key, const struct str *parts, int n_parts, uint8_t ret[SHA256_BYTES]);
int hmac_sha512(struct str key, const struct str *parts, int n_parts, uint8_t ret[SHA512_BYTES]);

/* True when equal; takes the same time wherever they differ (the length may show). */
bool secret_equal(struct str a, struct str b);

/* @ret has room for 2 * n + 1. Lower case. */
void hex_encode(const void *p, size_t n, char *ret);
/* -EINVAL unless @s is exactly 2 * n hex digits. */
int hex_decode(struct str s, uint8_t *ret, size_t n);
/* Standard alphabet with padding. @ret has room for 4 * ((n + 2) / 3) + 1. */
void base64_encode(const void *p, size_t n, char *ret);
/* -EINVAL: not base64; -EMSGSIZE: more than @max bytes. Padding may be missing. */
int base64_decode(struct str s, uint8_t *ret, size_t max, size_t *ret_len);
