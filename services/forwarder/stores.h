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
    struct event_reader *reader; /* for events whose bodies stay in the log: stores_read() */
    const char *dir;             /* borrowed */
    int64_t reopen_at_ms; /* the reader's connection is lost, and is not opened anew before; monotonic */
};
#define STORES_NULL ((struct stores){ 0 })

/*
 * Opens all three, or none; @dir lives as long as they do. Returns 0, -ENOENT (there is no events.db yet), or -errno; *ret_file then names the file
 * that is at fault, and ret_detail the store's own text, "" when it has none. @alone: forward_open().
 */
#define STORES_DETAIL_MAX 160
int stores_open(const char *dir, const struct store_role *role, bool alone, struct stores *ret,
                const char **ret_file, char ret_detail[STORES_DETAIL_MAX]);
void stores_close(struct stores *s); /* also half-open */

/* event_read() of the reader. One whose connection to a database was lost is opened anew, once a second at most: the connection
 * of @s->db is another one, which may be well. -ESTALE: it is another log now; who follows the log finds out by itself. */
int stores_read(struct stores *s, int64_t from_seq, const struct event_filter *filter, int limit,
                struct event_rows *ret);
