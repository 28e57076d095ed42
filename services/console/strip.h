/* The states of a session over time as one character a slot. Pure. */
#pragma once

#include "common/store/sessions.h"

#define STRIP_DAY_SLOTS    96
#define STRIP_DAY_SLOT_MS  (15 * 60 * 1000LL)
#define STRIP_WEEK_SLOTS   168
#define STRIP_WEEK_SLOT_MS (3600 * 1000LL)

struct strip {
    int64_t from_ms, slot_ms, now_ms;
    int slots;
    int64_t until_ms; /* all after it is written */
    char text[STRIP_WEEK_SLOTS + 1];
};

/* Slots end with @now_ms; nothing is known yet. */
void strip_init(struct strip *s, int64_t now_ms, int slots, int64_t slot_ms);
/* A change, newest first: from c->at on the session was in c->to. Returns false when older ones do not show any more. */
bool strip_add(struct strip *s, const struct session_change *c);
/* Before the oldest change: the session was in @state (-1: not known) since @first_seen. */
void strip_end(struct strip *s, int state, int64_t first_seen);
