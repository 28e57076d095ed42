/*
 * How the programs of a stack share roles (destinations, bridges): each takes free ones up to its part, and gives some up
 * when another program has too few. Pure. Every free role is taken by somebody: the parts are rounded up, and one that
 * stays free for long is taken by anybody.
 */
#pragma once

#include <stdbool.h>

struct share {
    int roles;   /* of the stack */
    int members; /* programs that are alive, this one included */
    int least;   /* roles of the other program that has the fewest; of no meaning when members is 1 */
    int mine;
    int free;    /* roles that nobody has */
    bool waited; /* they were free the last time, too: the program that should take them does not */
};

/* How many free roles to take now. */
int share_take(const struct share *s);
/* Is one to be given up? Not while any is free: first all have a holder. */
bool share_give(const struct share *s);
