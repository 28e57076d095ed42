/*
 * Random numbers are handed in too: a seeded generator (xoshiro256**, not for secrets).
 */
#pragma once

#include <stdint.h>

struct rng {
    uint64_t s[4];
};

void rng_init(struct rng *ret, uint64_t seed); /* the same seed gives the same run */
void rng_init_random(struct rng *ret);         /* seeded from the kernel */
uint64_t rng_next(struct rng *r);
/* Uniform in [0, n); n = 0 gives 0. */
uint64_t rng_below(struct rng *r, uint64_t n);
/* Bytes from the kernel's generator, for ids and secrets. */
void rng_secret(void *ret, uint32_t n);
