#include "services/forwarder/destination_state.h"

enum dest_state dest_state_of(const struct dest_facts *f)
{
    if (f->off)
        return DEST_OFF;
    if (f->paused)
        return DEST_PAUSED;
    if (f->down)
        return DEST_DOWN;
    if (f->limited)
        return DEST_LIMITED;
    if (f->failing)
        return DEST_FAILING;
    return f->waiting > 0 ? DEST_DELIVERING : DEST_OK;
}

const char *dest_state_text(enum dest_state s)
{
    static const char *const texts[DEST_STATES] = {
        [DEST_OK] = "ok",           [DEST_DELIVERING] = "delivering",
        [DEST_FAILING] = "failing", [DEST_LIMITED] = "limited",
        [DEST_DOWN] = "down",       [DEST_PAUSED] = "paused",
        [DEST_OFF] = "off",
    };

    return texts[s];
}

bool dest_state_is_well(enum dest_state s)
{
    return s == DEST_OK || s == DEST_DELIVERING;
}

bool dest_state_is_alert(enum dest_state s)
{
    return s == DEST_FAILING || s == DEST_LIMITED || s == DEST_DOWN || s == DEST_OFF;
}
