/*
 * Flap damping of one session, as routers damp a route: every drop adds a penalty that decays; above a limit
 * the session is left alone until it has calmed down. Pure; times in steady ms.
 */
#pragma once

#include "common/policy/rules.h"

struct flap {
    int64_t score;         /* as of at_ms */
    int64_t at_ms;         /* 0: never dropped */
    int64_t suppressed_ms; /* since when it is left alone; 0: it is not */
};

int64_t flap_score(const struct rules *rules, const struct flap *f, int64_t now_ms);
/* Counts one drop. Returns true when the session is suppressed with it. */
bool flap_drop(const struct rules *rules, struct flap *f, int64_t now_ms);
/* The drop that was counted at f->at_ms was not the session's own (its bridge restarted): its penalty is given back, and
 * a suppression that began with it ends. */
void flap_give_back(const struct rules *rules, struct flap *f, int64_t now_ms);
/* Lifts the suppression when it is time. Returns true when it does. */
bool flap_relax(const struct rules *rules, struct flap *f, int64_t now_ms);
/* When the suppression ends if nothing more drops; 0: it is not suppressed. */
int64_t flap_until_ms(const struct rules *rules, const struct flap *f);
