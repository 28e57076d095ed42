#include "common/base/hash.h"

#define FNV_PRIME 0x100000001b3U

uint64_t hash_add(uint64_t h, const void *p, size_t n)
{
    const unsigned char *b = p;

    for (size_t i = 0; i < n; i++)
        h = (h ^ b[i]) * FNV_PRIME;
    return h;
}
