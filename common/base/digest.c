#include "common/base/digest.h"

#include <errno.h>
#include <openssl/evp.h>

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
