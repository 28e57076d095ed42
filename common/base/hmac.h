/*
 * HMAC, by libcrypto. The context and the last key are kept per process: one thread only.
 */
#pragma once

#include <stdint.h>

#include "common/base/digest.h"
#include "common/base/text.h"

#define SHA512_BYTES 64

/* Over the parts, one after the other. Return 0 or -ENOMEM (libcrypto could not allocate). */
int hmac_sha256(struct str key, const struct str *parts, int n_parts, uint8_t ret[SHA256_BYTES]);
int hmac_sha512(struct str key, const struct str *parts, int n_parts, uint8_t ret[SHA512_BYTES]);
