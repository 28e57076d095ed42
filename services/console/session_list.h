/*
 * All sessions of all bridges in memory, as long as somebody looks at them: read from state.db in one go when it has
 * changed, compared with those of before. Sorted by bridge and id.
 */
#pragma once

#include "common/store/reconnects.h"
#include "common/store/sessions.h"
#include "services/console/stores.h"

struct session_item {
    struct session_row row;
    enum retry_phase phase;
    int64_t attempts;
    int64_t due_at; /* steady ms, 0: none */
};

struct session_list;
struct session_list_events {
    /* It is new, or a part of it that people see has changed. */
    void (*on_changed)(void *ctx, const struct session_item *item);
    void (*on_removed)(void *ctx, const char *bridge, const char *session);
    void *ctx;
};

/* @stores is kept. */
int session_list_new(struct stores *stores, struct session_list **ret);
void session_list_free(struct session_list *l); /* NULL is nothing */
/* Who gets the changes that a refresh finds; of the first reading nothing is said. */
void session_list_watch(struct session_list *l, const struct session_list_events *events);
/* Reads when state.db has changed since. Returns 0, or a negative: the items are as before. */
int session_list_refresh(struct session_list *l);
/* We have changed rows ourselves: the next refresh reads. (The engine tells of the commits of others alone.) */
void session_list_outdate(struct session_list *l);
/* Nobody looks any more: frees the items. */
void session_list_forget(struct session_list *l);
int session_list_count(const struct session_list *l);
const struct session_item *session_list_at(const struct session_list *l, int i);
const struct session_item *session_list_find(const struct session_list *l, const char *bridge,
                                             const char *session);
/* The time of the newest reading. */
struct now session_list_now(const struct session_list *l);

bool session_item_is_flapping(const struct session_item *i, const struct now *now);
/* The word beside the state: "parked", "silent", "flapping", "due" … or "". */
const char *session_item_mark(const struct session_item *i, const struct now *now);
