/*
 * The recorded state of a session against the bridge's present answer: the new state, and why. Pure.
 *
 * All times are steady ms (common/store/db.h), 0: never. Two sources speak: a poll (an answer to a question,
 * dated when the question was asked) and a webhook (dated when it was received). The newer one wins, so a
 * poll that was asked before a webhook came in says nothing about that session.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/bridge/driver.h"
#include "common/domain/cause.h"
#include "common/policy/rules.h"

struct session_known {
    enum session_state state;
    const struct cause *cause;   /* why it is not connected; NULL: none known */
    int64_t polled_ms;           /* when the newest poll that was taken in was asked */
    int64_t webhook_ms;          /* when the newest webhook was received */
    int64_t webhook_occurred_ms; /* when the newest webhook that was taken had occurred */
    int64_t received_ms;         /* when the newest message was received */
    int64_t doubt_ms;    /* a poll asked then denied the known state, and no second one has said so yet */
    bool doubt_missing;  /* … by not listing it; false: by calling it disconnected */
    int64_t starting_ms; /* since when the bridge has called it starting; 0: it does not */
    int64_t attempt_ms;  /* start of the last attempt: a session may take its time from there */
    int64_t known_ms;    /* since when we know it */
    int64_t lost_ms;     /* since when it is lost; 0: it is not */
    bool polled_once;    /* a poll has shown it at least once */
    bool paired;         /* its phone number is known, so somebody has scanned its code */
    bool attempting;     /* an attempt was made and is being watched */
};

enum report_source { REPORT_POLL, REPORT_WEBHOOK };

struct session_report {
    enum report_source source;
    bool missing;       /* poll: a good answer does not have it */
    bool others_listed; /* missing: at least as many others are there, so the bridge has not lost them all */
    enum session_state state;  /* when not missing */
    const struct cause *cause; /* the row of the code that came with it; NULL: none */
    int64_t at_ms;             /* poll: when asked; webhook: when received */
    int64_t occurred_ms;       /* webhook: at_ms less how late it came (sender_clock.h); never after at_ms */
    bool final;                /* the bridge says itself that reconnecting is pointless */
};

struct session_verdict {
    bool taken;       /* false: too old, or not believed yet; the rest is the known state */
    int64_t doubt_ms; /* as in struct session_known; not 0 and not taken: ask again soon */
    bool doubt_missing;
    enum session_state state;
    const struct cause *cause;
    int64_t starting_ms;
    bool changed; /* state or cause differ from the table's */
    bool drop;    /* it was connected and is no longer */
};

/* Reads rules->removed_ms, rules->start_ms (a bridge that has not brought a session up after that will not do it by itself) and
 * rules->recheck_ms (a poll that denies the known state is believed when a second one, asked so much later, says the same). */
void session_state_next(const struct session_known *known, const struct session_report *report,
                        const struct rules *rules, int64_t now_ms, struct session_verdict *ret);

/* A session we do not know yet, as a held value that any word changes. */
struct session_known session_unknown(int64_t now_ms);
