/* For this folder alone: a session and its bridge as the policy sees them. */
#pragma once

#include "common/reconnect/reconnect.h"

struct subject {
    struct reconnect_row row;
    struct retry_session session;
    struct retry_bridge bridge;
    char no_reconnect_method[BRIDGES_DETAIL_MAX];
};
/* Returns 0, RECONNECTS_NONE (no such session), or -errno. */
int subject_read(struct db *db, const struct now *now, const char *bridge, const char *session,
                 struct subject *ret);
