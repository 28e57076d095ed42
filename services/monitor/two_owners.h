/*
 * One phone on two sessions, of one bridge or of two: found from the phones that the lists show. Each may throw the other
 * out, so the one that is down is not reconnected against the one that is connected: it is parked.
 */
#pragma once

#include "common/base/buf.h"
#include "common/store/sessions.h"

struct two_owners {
    struct buf pairs; /* struct session_phone, two by two */
};
#define TWO_OWNERS_NULL ((struct two_owners){ 0 })

/* Reads all sessions. Returns 0 or -errno. */
int two_owners_read(struct db *db, struct two_owners *ret);
void two_owners_fini(struct two_owners *t); /* also for CLEANUP */
/* The first pair of which a session is on @bridge, for people; "" when there is none. Returns @ret. */
char *two_owners_text(const struct two_owners *t, const char *bridge, char *ret, size_t n);
/* Parks the sessions of @bridge that are down while their other one is connected. Returns 0 or -errno. */
int two_owners_park(const struct two_owners *t, const char *bridge, struct db *db, const struct now *now);
