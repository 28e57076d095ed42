/*
 * Which events a destination wants. Pure.
 */
#pragma once

#include <stdbool.h>

#include "common/store/events.h"

#define EVENT_FILTER_ITEMS_MAX 64 /* types or sessions of one destination */

/* "a, b, c". n = 0: everything. */
struct event_filter_list {
    char *text; /* owned: the items point into it */
    struct str item[EVENT_FILTER_ITEMS_MAX];
    int n;
};
struct destination_filter {
    struct event_filter_list types;    /* prefixes */
    struct event_filter_list sessions; /* names */
    const char *bridge;                /* owned; "": of every bridge */
};

bool event_filter_wants(const struct destination_filter *f, const struct event *e);
/* Frees the filter's own memory, not the bridge. */
void event_filter_fini(struct destination_filter *f);
