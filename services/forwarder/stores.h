/*
 * The three files that the forwarder works on: forward.db, forward.acks and the event log. Opening them checks that
 * they belong together.
 */
#pragma once

#include "common/store/acks.h"
#include "common/store/events.h"
#include "common/store/forward.h"

struct store_role;

struct stores {
    struct db *db;               /* forward.db */
    struct acks *acks;           /* forward.acks */
    struct event_reader *reader; /* for events whose bodies stay in the log */
};
#define STORES_NULL ((struct stores){ 0 })

/*
 * Opens all three, or none. Returns 0, -ENOENT (there is no events.db yet), or -errno; *ret_file then names the file
 * that is at fault, and ret_detail the store's own text, "" when it has none. @alone: forward_open().
 */
#define STORES_DETAIL_MAX 160
int stores_open(const char *dir, const struct store_role *role, bool alone, struct stores *ret,
                const char **ret_file, char ret_detail[STORES_DETAIL_MAX]);
void stores_close(struct stores *s); /* also half-open */
