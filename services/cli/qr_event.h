/* The QR code of a session as its session.qr webhook had it, for bridges without a call for it. */
#pragma once

#include <stdint.h>

#include "common/base/buf.h"

/* A code lives for 60 s at most: older events show a dead one. */
#define QR_EVENT_AGE_MAX_MS (60 * 1000)

/* The newest of the event log in @dir that is not older than that at @now_ms (wall). Returns 0 with the code
 * in @ret (made anew, "" when there is none, also without an event log), or -ENOMEM. */
int qr_event_find(const char *dir, const char *bridge, const char *session, int64_t now_ms, struct buf *ret);
