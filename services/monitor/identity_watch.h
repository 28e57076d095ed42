/*
 * Is it the same bridge that answers? Each good list is held against those before it (common/policy/identity.h).
 */
#pragma once

#include "common/policy/identity.h"
#include "services/monitor/bridge_status.h"
#include "services/monitor/session_table.h"

/* A good list, as it was taken in. */
struct identity_watch_list {
    const struct session_table *table;
    const struct rules *rules;
    bool names;    /* it has names alone: its sessions are those with s->named, which this resets */
    int64_t sweep; /* … else those with this s->sweep; new ones have this s->first_sweep */
    int64_t now_ms;
};
/* Notes in the table which sessions were listed. @ret: why it is not the same bridge any more, "": it is. */
void identity_watch_list(struct identity_history *h, const struct identity_watch_list *l,
                         char ret[BRIDGES_DETAIL_MAX]);
