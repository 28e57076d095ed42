/*
 * The causes of a drop, and the plan for each. The table is data: the disconnect codes that
 * Baileys and whatsmeow agree on (common/bridge/BRIDGES.md).
 */
#pragma once

#include <stdbool.h>

#include "common/base/text.h"

enum cause_plan {
    PLAN_NORMAL,  /* reconnect, by the interval */
    PLAN_AT_ONCE, /* reconnect now, once, outside the spacing; then as normal (515) */
    PLAN_SLOW,    /* one retry after the slow delay, then park (440) */
    PLAN_NEVER,   /* no attempt: somebody has to act */
    PLAN_ASK,     /* as normal, but not before the webhook that may say why has had its time */
};

enum cause_scope { SCOPE_SESSION, SCOPE_BRIDGE }; /* 405: one park per bridge, not per session */

struct cause {
    int code;         /* 0 in the rows that have none */
    const char *name; /* "connection-lost", stored and shown */
    enum cause_plan plan;
    enum cause_scope scope;
    const char *state;   /* the session state it leads to: "disconnected", "logged_out", "failed" */
    bool park;           /* a plan of never that needs unpark (banned, locked, outdated), not a QR scan */
    const char *meaning; /* one sentence for the operator: the cause, and the next step */
};

/* The row of a code; unknown codes give the row "unknown" (normal). Never NULL. */
const struct cause *cause_find(int code);
/* The row with that name, or NULL. Names that no code has: "poll" (the bridge's list says so), "lost",
 * "removed",
 * "start-timeout", "silent", "operator", "unknown", "logged-out". */
const struct cause *cause_by_name(const char *name);
/* Row i of the table, NULL past its end (docs and tests list it). */
const struct cause *cause_at(int i);
