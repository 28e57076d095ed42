/*
 * Changes of sessions, staged in memory until they are committed in one transaction. The session table is changed at
 * once, and put back when the commit fails.
 *
 *   changeset_begin ──► changeset_poll, _missing, _webhook, _touch … ──► commit_changeset() ──► changeset_done
 *                                                                           '── on failure ──► changeset_undo
 */
#pragma once

#include "services/monitor/session_table.h"

struct change {
    struct tracked_session *s;
    struct tracked_session before; /* to put back */
    bool fresh;                    /* the changeset has added it */
    bool moved;            /* state or cause changed: goes into the history, and reconnection follows */
    bool row;              /* its row must be saved */
    bool follow;           /* reconnection must follow, although nothing moved … */
    bool silent;           /* … because it is silent */
    bool relieved;         /* … because its flap damping has ended early */
    bool drop;             /* it was connected and is no longer */
    enum session_state to; /* the state after this change; another may follow in the same changeset */
    const struct cause *cause;
    int64_t stable_since;
    enum report_source source;
    int code;            /* of a webhook, 0: none */
    int64_t at_wall;     /* when it was polled or received */
    int64_t occurred_at; /* of a webhook, the bridge's time */
    bool has_shape;
    char raw_status[32], phone[32], name[128];

    int64_t due_wall; /* filled by recording: put up for reconnection, about when; 0: it was not */
};

struct changeset {
    struct session_table *table;
    const struct rules *rules;
    int64_t now, now_wall; /* steady and wall ms */
    struct change *changes;
    int n, cap;
    int guess;      /* index in the table of the session that is probably listed next */
    int64_t drops;  /* sessions that were connected and are no longer */
    int64_t doubts; /* polls that are to be asked again; the owner resets it */
    int outdated;   /* 1: recording found the bridge too old for WhatsApp (405); -1: not so any more */
};

void changeset_begin(struct changeset *r, struct session_table *table, const struct rules *rules, int64_t now,
                     int64_t now_wall);
/* True: it is connected as before, and that is noted. changeset_poll() begins with this. @asked: steady ms. */
bool changeset_unchanged(struct changeset *r, const struct bridge_session *seen, int64_t asked,
                         int64_t sweep);
/* Each returns 0, -ENOMEM, or -ENOSPC (the table is full; the session is not taken in). */
int changeset_poll(struct changeset *r, const struct bridge_session *seen, int64_t asked, int64_t sweep,
                   bool attempting);
int changeset_missing(struct changeset *r, struct tracked_session *s, int64_t asked, bool others_listed,
                      bool attempting);
struct session_webhook {
    char id[SESSIONS_ID_MAX];
    enum session_state state;
    int code;            /* of a disconnect, 0: none */
    bool final;          /* the bridge says that reconnecting is pointless */
    int64_t ban_until;   /* wall ms: the end of a temporary ban, 0: not given */
    int64_t at;          /* wall ms: received */
    int64_t occurred_at; /* the bridge's own time, for people; 0: none */
    int64_t late_ms;     /* how late it was received (sender_clock.h) */
};
/* Is it about the life that ended when the session was deleted, @deleted_at wall ms? It is when it occurred or was
 * received before that, and also when the session is not @known again: the bridge's clock may be wrong, so the next poll
 * decides whether the session is there. */
bool webhook_is_of_deleted(const struct session_webhook *h, int64_t deleted_at, bool known);
int changeset_webhook(struct changeset *r, const struct session_webhook *h, bool attempting);
/* Its alert is decided again, and with @row its row is saved. */
int changeset_touch(struct changeset *r, struct tracked_session *s, bool row);

void changeset_undo(struct changeset *r); /* puts all back; the changeset is empty then */
void changeset_done(struct changeset *r); /* forgets the changes, keeps the memory */
void changeset_fini(struct changeset *r);
