#include "common/policy/identity.h"

/* A person who deletes one session and creates another is no other bridge. */
#define LOST_MIN 2
/* Once is a list that lied, or a bridge that was put back. */
#define RETURNS_MIN 2

enum identity identity_next(struct identity_history *h, const struct identity_list *l)
{
    bool strange = h->listed > 0 && l->listed > 0 && l->kept == 0;

    if (l->listed > 0) {
        h->strange = h->strange << 1 | strange;
        h->returns = h->returns << 1 | (strange && l->back > 0);
        h->listed = l->listed;
    }
    if (__builtin_popcount(h->returns) >= RETURNS_MIN)
        h->in_turns = true;
    if (h->strange == 0)
        h->in_turns = false;
    if (l->listed > 0 && l->fresh == l->listed && l->missing >= LOST_MIN)
        h->strangers = true;
    if (l->back > 0 || l->missing + l->lost < LOST_MIN) /* the former ones are back */
        h->strangers = false;
    if (h->in_turns)
        return IDENTITY_IN_TURNS;
    return h->strangers && l->lost >= LOST_MIN ? IDENTITY_REPLACED : IDENTITY_SAME;
}
