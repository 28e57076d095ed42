/*
 * SHA-256, by libcrypto.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define SHA256_BYTES 32

/* Returns 0 or -ENOMEM (libcrypto could not allocate). */
int digest_sha256(const void *p, size_t n, uint8_t ret[SHA256_BYTES]);
