/* Passwords by argon2id. */
#pragma once

#include <stdbool.h>

#include "common/base/text.h"

#define PASSWORD_HASH_MAX        160
#define PASSWORD_MAX             256
#define PASSWORD_FINGERPRINT_MAX 33

/* The hash of a password in clear, or the text itself when it is an argon2id hash. Returns 0, -EINVAL (too long, or a
 * broken hash) or -ENOMEM. */
int password_hash(const char *password, char ret[PASSWORD_HASH_MAX]);
/* A text that is another one when a password is another one, and tells no more of them than their hashes do: it is as slow.
 * Returns 0, -EINVAL (too long) or -ENOMEM. */
int password_fingerprint(const char *operator_password, const char *viewer_password,
                         char ret[PASSWORD_FINGERPRINT_MAX]);
/* Takes some 20 ms and 19 MiB. */
bool password_is(const char *hash, struct str password);
