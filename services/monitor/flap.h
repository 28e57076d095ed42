/*
 * Flap damping of one session, as routers damp a route: every drop adds a penalty that decays; above a limit
 * the session is left alone until it has calmed down. Pure; times in steady ms.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define FLAP_DROP_PENALTY 1000
/* Four drops in about ten minutes: more than a bad line, and each attempt in vain costs the account trust. */
#define FLAP_SUPPRESS 3000
#define FLAP_REUSE    750
/* 15 min: from the limit down to reuse in half an hour. */
#define FLAP_HALF_LIFE_MS (15 * 60 * 1000)
/* However bad it was, it is tried again after an hour; the score's ceiling (reuse × 2^4) says the same. */
#define FLAP_SUPPRESS_MAX_MS (60 * 60 * 1000)
#define FLAP_SCORE_MAX       12000

struct flap {
    int32_t score;         /* as of at_ms */
    int64_t at_ms;         /* 0: never dropped */
    int64_t suppressed_ms; /* since when it is left alone; 0: it is not */
};

int32_t flap_score(const struct flap *f, int64_t now_ms);
/* Counts one drop. Returns true when the session is suppressed with it. */
bool flap_drop(struct flap *f, int64_t now_ms);
/* Lifts the suppression when it is time. Returns true when it does. */
bool flap_relax(struct flap *f, int64_t now_ms);
/* When the suppression ends if nothing more drops; 0: it is not suppressed. */
int64_t flap_until_ms(const struct flap *f);
