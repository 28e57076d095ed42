/* xoshiro256** (Blackman and Vigna), seeded by splitmix64. */
#include "common/base/rng.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

static uint64_t splitmix(uint64_t *x)
{
    uint64_t z = (*x += 0x9e3779b97f4a7c15U);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

static uint64_t rotate(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

void rng_init(struct rng *ret, uint64_t seed)
{
    for (int i = 0; i < 4; i++)
        ret->s[i] = splitmix(&seed);
}

void rng_init_random(struct rng *ret)
{
    uint64_t seed;

    rng_secret(&seed, sizeof seed);
    rng_init(ret, seed);
}

uint64_t rng_next(struct rng *r)
{
    uint64_t result = rotate(r->s[1] * 5, 7) * 9;
    uint64_t t = r->s[1] << 17;

    r->s[2] ^= r->s[0];
    r->s[3] ^= r->s[1];
    r->s[1] ^= r->s[2];
    r->s[0] ^= r->s[3];
    r->s[2] ^= t;
    r->s[3] = rotate(r->s[3], 45);
    return result;
}

uint64_t rng_below(struct rng *r, uint64_t n)
{
    /* Below this the first values would be more likely than the others. */
    uint64_t uneven = n ? -n % n : 0;
    uint64_t v;

    if (n == 0)
        return 0;
    do
        v = rng_next(r);
    while (v < uneven);
    return v % n;
}

void rng_secret(void *ret, uint32_t n)
{
    char *p = ret;

    while (n > 0) {
        ssize_t got = getrandom(p, n, 0);

        if (got < 0 && errno != EINTR)
            abort(); /* a kernel without random numbers: nothing that needs a secret may go on */
        if (got > 0) {
            p += got;
            n -= (uint32_t)got;
        }
    }
}
