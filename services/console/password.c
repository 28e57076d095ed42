#include "services/console/password.h"

#include <argon2.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/hex.h"
#include "common/base/rng.h"

/* The least that OWASP recommends for argon2id: 19 MiB, two passes, one lane. One login at a time takes it, and the loop
 * waits for it, so it may not be more. */
#define MEMORY_KIB 19456
#define PASSES     2
#define LANES      1
#define SALT_BYTES 16
#define HASH_BYTES 32

int password_hash(const char *password, char ret[PASSWORD_HASH_MAX])
{
    unsigned char salt[SALT_BYTES];
    int rc;

    if (strncmp(password, "$argon2id$", 10) == 0) {
        if (strlen(password) >= PASSWORD_HASH_MAX)
            return -EINVAL;
        /* A hash that cannot be read would refuse everybody without a word. */
        rc = argon2id_verify(password, "", 0);
        str_copy(str_from(password), ret, PASSWORD_HASH_MAX);
        return rc == ARGON2_OK || rc == ARGON2_VERIFY_MISMATCH ? 0 : -EINVAL;
    }
    if (strlen(password) > PASSWORD_MAX)
        return -EINVAL;
    rng_secret(salt, sizeof salt);
    rc = argon2id_hash_encoded(PASSES, MEMORY_KIB, LANES, password, strlen(password), salt, sizeof salt,
                               HASH_BYTES, ret, PASSWORD_HASH_MAX);
    return rc == ARGON2_OK ? 0 : -ENOMEM;
}

int password_fingerprint(const char *operator_password, const char *viewer_password,
                         char ret[PASSWORD_FINGERPRINT_MAX])
{
    /* The same for the same passwords, on every machine and after every restart. */
    static const char salt[] = "zapkeep logins";
    unsigned char bytes[(PASSWORD_FINGERPRINT_MAX - 1) / 2];
    char both[2 * PASSWORD_MAX + 2];
    int n = snprintf(both, sizeof both, "%s\n%s", operator_password, viewer_password), rc;

    if (n < 0 || (size_t)n >= sizeof both)
        return -EINVAL;
    rc = argon2id_hash_raw(PASSES, MEMORY_KIB, LANES, both, (size_t)n, salt, sizeof salt - 1, bytes,
                           sizeof bytes);
    explicit_bzero(both, sizeof both);
    if (rc != ARGON2_OK)
        return -ENOMEM;
    hex_encode(bytes, sizeof bytes, ret);
    return 0;
}

bool password_is(const char *hash, struct str password)
{
    return password.n <= PASSWORD_MAX && argon2id_verify(hash, password.p, password.n) == ARGON2_OK;
}
