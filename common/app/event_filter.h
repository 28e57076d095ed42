/*
 * The events that a destination wants, and the lists of names in a file of sections. Pure.
 */
#pragma once

#include <stdbool.h>

#include "common/base/ini.h"
#include "common/store/events.h"

#define EVENT_FILTER_ITEMS_MAX 64 /* types or sessions of one destination */

/* "a, b, c". n = 0: everything. */
struct event_filter_list {
    char *text; /* owned: the items point into it */
    struct str item[EVENT_FILTER_ITEMS_MAX];
    int n;
};
/* Reads @value, which is at @at in the line, as a list of at most @max items. @check (NULL: none) checks an item, which is at
 * @item_at in the line, and returns 0 or a negative. Returns 0, -ENOMEM, -EINVAL with a problem of @ini, or a negative of
 * @check. */
int event_filter_list_read(struct event_filter_list *list, struct ini *ini, const char *at, const char *value,
                           int max, int (*check)(const void *ctx, struct str item, const char *item_at),
                           const void *ctx);

struct destination_filter {
    struct event_filter_list types;    /* prefixes */
    struct event_filter_list sessions; /* names */
    const char *bridge;                /* owned; "": of every bridge */
};

bool event_filter_wants(const struct destination_filter *f, const struct event *e);
/* Frees the filter's own memory, not the bridge. */
void event_filter_fini(struct destination_filter *f);
