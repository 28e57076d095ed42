/* The table of dialects, and the faults that they have of their own. */
#include "tests/bridge-sim/dialect.h"

#include <string.h>

#include "common/base/mem.h"

static const struct sim_dialect *const dialects[] = {
#define X(name) &dialect_##name,
    SIM_DIALECTS(X)
#undef X
};

const struct sim_dialect *dialect_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(dialects); i++) {
        if (strcmp(dialects[i]->name, name) == 0)
            return dialects[i];
    }
    return NULL;
}

const char *dialect_name(int i)
{
    return (size_t)i < ARRAY_LEN(dialects) ? dialects[i]->name : NULL;
}

/* The bit of a name in "licence flood", 0: it is not there. */
static unsigned fault_bit(const struct sim *s, const char *name)
{
    const char *word = s->dialect->faults ? s->dialect->faults : "";

    for (unsigned bit = 1; *word; bit <<= 1) {
        size_t n = strcspn(word, " ");

        if (strlen(name) == n && strncmp(word, name, n) == 0)
            return bit;
        word += n + (word[n] == ' ');
    }
    return 0;
}

bool dialect_set_fault(struct sim *s, const char *name, bool on)
{
    unsigned bit = fault_bit(s, name);

    s->own_faults = on ? s->own_faults | bit : s->own_faults & ~bit;
    return bit != 0;
}

bool dialect_has_fault(const struct sim *s, const char *name)
{
    return (s->own_faults & fault_bit(s, name)) != 0;
}
