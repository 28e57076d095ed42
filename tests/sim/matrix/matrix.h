/*
 * Every driver against every fault, with the services that ship: ingest, monitor and a worker run on the stepped clock against
 * one simulated bridge, which speaks the driver's dialect as far as the services ask (BRIDGES.md; the shapes of the answers
 * are those of the recordings). The state that is recorded, the calls that act upon the session and the alerts are held
 * against a table.
 *
 *   matrix.c     the cells: the fault, the time that passes, the comparison
 *   dialects.c   what a bridge answers and sends in each dialect
 *   expected.c   the table
 */
#pragma once

#include <stdbool.h>

#include "common/base/buf.h"
#include "tests/sim/sim.h"

/* A session as it is at the bridge. */
enum word { WORD_UP, WORD_STARTING, WORD_DOWN, WORD_QR, WORD_PERSON, WORD_N };

enum fault {
    FAULT_DROP_TOLD,
    FAULT_DROP_SILENT,
    FAULT_LOGGED_OUT,
    FAULT_QR,
    FAULT_BAN,
    FAULT_PERSON,
    FAULT_ECHO,
    FAULT_LYING_LIST,
    FAULT_5XX,
    FAULT_429,
    FAULT_HANG,
    FAULT_GARBAGE,
    FAULT_KEY,
    FAULT_TWO_OWNERS,
    FAULT_N
};
extern const char *const fault_names[FAULT_N];

struct truth {
    enum word word[2]; /* of s0 and s1 */
    bool pairing_gone; /* of s0: a reconnect leads to a code, where the bridge can make one */
    bool same_phone;
    bool list_is_empty;
    bool unlicensed;
};
extern struct truth truth;

/* The requests that a dialect answers. */
struct dialect {
    const char *name; /* of the driver */
    const char *key;  /* WHATSAPP_API_KEY */
    /* Answers; a call that acts upon s0 was counted before, and is named in *ret_acts: it starts (1) or stops (2) it. */
    int (*answer)(const char *method, const char *path, struct buf *body, int *ret_acts);
    /* The body of the webhook that tells this of s0; false: the bridge tells nothing of the kind. @n makes it its own. */
    bool (*event)(enum fault f, int64_t wall_ms, int n, struct buf *body);
    /* The bridge's own restart, seen in webhooks: s0 is in this state. */
    bool (*state_event)(enum word w, int64_t wall_ms, int n, struct buf *body);
};
extern const struct dialect dialects[];
extern const int n_dialects;

/* In which state s0 is in the end, how many acting calls were made, and the alerts that were raised, in order of name. */
struct expected {
    enum session_state state;
    int calls_min, calls_max;
    const char *alerts; /* "a b"; NULL: the cell does not exist */
};
const struct expected *expected_of(const char *driver, enum fault f);
