/* Passwords by argon2id. */
#pragma once

#include <stdbool.h>

#include "common/base/text.h"

#define PASSWORD_HASH_MAX 160
#define PASSWORD_MAX      256

/* The hash of a password in clear, or the text itself when it is an argon2id hash. Returns 0, -EINVAL (too long, or a
 * broken hash) or -ENOMEM. */
int password_hash(const char *password, char ret[PASSWORD_HASH_MAX]);
/* Takes some 20 ms and 19 MiB. */
bool password_is(const char *hash, struct str password);
