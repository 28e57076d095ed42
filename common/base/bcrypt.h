/*
 * bcrypt ($2b$), by libcrypt.
 */
#pragma once

#include <stdint.h>

#include "common/base/text.h"

#define BCRYPT_SALT_BYTES 16
#define BCRYPT_BYTES      61 /* "$2b$04$" + 22 + 31 and a NUL */
/* The cheapest that there is: about 2 ms. */
#define BCRYPT_COST_MIN 4

/* The hash of the first 72 bytes of @text, which has no NUL. Returns 0, -EINVAL (no such cost) or -ENOMEM. */
int bcrypt_hash(const char *text, int cost, const uint8_t salt[BCRYPT_SALT_BYTES], char ret[BCRYPT_BYTES]);
