#include "common/policy/share.h"

static int part_of(const struct share *s)
{
    return (s->roles + s->members - 1) / s->members;
}

int share_take(const struct share *s)
{
    int room = part_of(s) - s->mine;

    if (room <= 0)
        room = s->waited ? 1 : 0;
    return s->free < room ? s->free : room;
}

bool share_give(const struct share *s)
{
    return s->free == 0 && s->members > 1 && (s->mine > part_of(s) || s->mine > s->least + 1);
}
