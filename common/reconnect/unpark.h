/* For this folder alone: unparking by reason. */
#pragma once

#include "common/reconnect/reconnect.h"

/* Inside the caller's transaction. Unparks one session; RECONNECTS_NONE, RECONNECT_REFUSED (it is not parked). */
int unpark_session(struct db *db, const struct policy *p, const struct now *now, const char *bridge,
                   const char *session, uint64_t rand64);
/* All sessions of the bridge that are parked for that reason. */
int unpark_all(struct db *db, const struct policy *p, const struct now *now, const char *bridge,
               enum retry_park park, uint64_t rand64, int64_t *ret_n);
/* The bridge's client is not outdated any more: so are all that were parked because of it. */
int unpark_outdated(struct db *db, const struct policy *p, const struct now *now, const char *bridge,
                    uint64_t rand64);
