/*
 * A connected session that used to receive messages and no longer does, measured against its own activity profile. Pure.
 * Times are ms since the epoch as they were when the monitor started, and steady from there on: a profile
 * follows people's days, but not somebody who sets the clock.
 *
 * Per hour of the week we keep in how many of its six 10-minute slots the session usually receives at least one
 * message (slots, because one chat of a hundred messages is one sign of life). While it receives nothing, the
 * slots that should have received something add up; at 12 or more, and a quarter more than the longest silence
 * that ended by itself, it is silent. An hour never watched adds nothing: there is no alert in the first week,
 * nor of a session that is always quiet, nor at night when nights are quiet.
 */
#pragma once

#include "common/base/buf.h"
#include "common/base/text.h"
#include "common/policy/rules.h"

#define SILENCE_HOURS     168 /* of a week */
#define SILENCE_SLOTS     6   /* of an hour */
#define SILENCE_UNWATCHED UINT16_MAX
/* Slots are kept as 1/4096: 6 × 4096 fits. */
#define SILENCE_UNIT 4096
/* A new week counts a quarter: a changed habit is learned in a month. */
#define SILENCE_LEARN_DIVISOR 4
/* Per hour; half of the longest silence is forgotten in four weeks (0.5^(1/672)). */
#define SILENCE_LONGEST_KEEP 0.998969F

struct silence {
    /* SILENCE_UNWATCHED, or slots of that hour that receive something, × SILENCE_UNIT */
    uint16_t rate[SILENCE_HOURS];
    int64_t since_ms;   /* accounted up to here; 0: not listening */
    int64_t slot;       /* number of the newest slot that received something */
    int32_t hour_slots; /* slots of the current hour that received something */
    bool hour_whole;    /* we have listened since the hour began */
    bool silent;
    float expected; /* slots that should have received something since the last message */
    float longest;  /* largest `expected` that a message ended */
};

void silence_init(struct silence *d);
/* A message came in. Returns true when the session was silent until now.
 */
bool silence_message(const struct rules *rules, struct silence *d, int64_t now_ms);
/* Time goes on. @listening: the session is connected and its messages would reach us; silence counts only
 * while it does. Returns true when the session becomes silent with it. */
bool silence_tick(const struct rules *rules, struct silence *d, bool listening, int64_t now_ms);

/* The learned profile, as bytes to keep. @ret is appended to. */
int silence_pack(const struct silence *d, struct buf *ret);
/* False: no such bytes, @ret is untouched. It listens afresh. */
bool silence_unpack(struct str bytes, struct silence *ret);
