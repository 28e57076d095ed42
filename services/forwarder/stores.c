#include "services/forwarder/stores.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/store/role.h"
#include "common/store/store.h"

#define EVENTS_FILE "events.db"
/* However many sessions wait for an event: a server that does not answer would take the loop's time for each of them. */
#define REOPEN_MS 1000

/* ---- is the log the one that we know? -------------------------------------------------------- */

static int on_floor(void *ctx, const struct forward_destination *row)
{
    int64_t *newest = ctx;

    *newest = row->floor > *newest ? row->floor : *newest;
    return 0;
}

static int check_log(const struct stores *s, bool *ret_other)
{
    int64_t newest = 0, oldest = 0, head = 0;
    char known[16];
    int r = forward_log_id(s->db, known);

    if (r == 0)
        r = forward_destinations_each(s->db, on_floor, &newest);
    if (r == 0)
        r = event_bounds(s->reader, &oldest, &head);
    if (r == 0)
        *ret_other = known[0] && (strcmp(known, event_reader_log_id(s->reader)) != 0 || newest > head);
    return r;
}

static int adopt_log(const struct stores *s)
{
    bool other = false;
    int64_t lost = 0;
    int r = check_log(s, &other);

    if (r == 0)
        r = db_begin(s->db);
    if (r == 0 && other)
        r = forward_forget_log(s->db, &lost);
    if (r == 0)
        r = forward_set_log_id(s->db, event_reader_log_id(s->reader));
    if (r == 0)
        r = db_commit(s->db);
    db_rollback(s->db);
    if (r == 0 && other)
        log_error("other-log", "the event log is another one than before; it is delivered from its start",
                  KI("lost_retries", lost));
    return r;
}

/* A disk that takes writes and fails to keep them would have the same events delivered after each new try. So nothing is
 * delivered before the row that was just written is on it. */
static int check_disk(const struct stores *s)
{
    bool all;

    return forward_checkpoint(s->db, &all);
}

/* ---- opening --------------------------------------------------------------------------------- */

/* A file of this machine is of no use to the forwarder that takes over on another one: with a database every
 * acknowledgement is committed. */
static int open_acks(const char *dir, struct stores *s)
{
    uint64_t key = 0;
    int r = store_is_server(dir) ? 1 : forward_key(s->db, &key);

    if (r > 0)
        return 0;

    return r == 0 ? acks_open(dir, key, &s->acks) : r;
}

int stores_open(const char *dir, const struct store_role *role, bool alone, struct stores *ret,
                const char **ret_file, char ret_detail[STORES_DETAIL_MAX])
{
    struct stores s = { .dir = dir };
    int r = forward_open(dir, alone, &s.db);

    *ret_file = FORWARD_DB_FILE;
    ret_detail[0] = '\0';
    if (r == 0 && role)
        store_role_fence(role, s.db);
    if (r == 0) {
        *ret_file = EVENTS_FILE;
        r = event_reader_open(dir, &s.reader);
    }
    if (r == 0)
        r = adopt_log(&s);
    if (r == 0) {
        *ret_file = FORWARD_DB_FILE;
        r = check_disk(&s);
    }
    if (r == 0) {
        *ret_file = ACKS_FILE;
        r = open_acks(dir, &s);
    }
    if (r == 0)
        *ret = s;
    else
        stores_close(&s);
    return r;
}

void stores_close(struct stores *s)
{
    event_reader_close(s->reader);
    acks_close(s->acks);
    db_close(s->db);
    *s = STORES_NULL;
}

/* ---- reading --------------------------------------------------------------------------------- */

static int open_same_log(const struct stores *s, struct event_reader **ret)
{
    int r = event_reader_open(s->dir, ret);

    if (r == 0 && strcmp(event_reader_log_id(*ret), event_reader_log_id(s->reader)) != 0)
        r = -ESTALE;
    return r;
}

static int reopen(struct stores *s)
{
    struct event_reader *reader = NULL;
    int r;

    if (clock_mono_us() / 1000 < s->reopen_at_ms)
        return -ENOTCONN;
    r = open_same_log(s, &reader);
    if (r != 0) {
        event_reader_close(reader);
        s->reopen_at_ms = clock_mono_us() / 1000 + REOPEN_MS;
        return r;
    }
    event_reader_close(s->reader);
    s->reader = reader;
    return 0;
}

int stores_read(struct stores *s, int64_t from_seq, const struct event_filter *filter, int limit,
                struct event_rows *ret)
{
    bool is_lost = store_is_server(s->dir) && event_reader_is_stale(s->reader);
    int r = is_lost ? reopen(s) : 0;

    return r == 0 ? event_read(s->reader, from_seq, filter, limit, ret) : r;
}
