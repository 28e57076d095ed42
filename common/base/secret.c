#include "common/base/secret.h"

#include <openssl/crypto.h>

bool secret_equal(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || CRYPTO_memcmp(a.p, b.p, a.n) == 0);
}
