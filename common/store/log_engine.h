/*
 * The engine of an event log that is written: the functions that differ between SQLite and PostgreSQL, as a table, and the parts that both have.
 * Used inside common/store only.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/store/events_ids.h"

struct db;
struct event_log;
struct event_new;
struct event_pruned;
struct event_rejected;
struct event_retention;
struct event_wal;

/* Writing the log; see events_log.h for each. */
struct event_log_engine {
    void (*close)(struct event_log *l);
    const char *(*error)(const struct event_log *l);
    struct db *(*connection)(
        struct event_log *l); /* for rows beside the log's; NULL: it has none, or none now */
    bool (*sync_failed)(const struct event_log *l);
    int (*begin)(struct event_log *l);
    int (*add)(struct event_log *l, const struct event_new *e, int *ret_result, int64_t *ret_seq);
    int (*append)(struct event_log *l, const struct event_new *e, int64_t *ret_seq);
    int (*reject)(struct event_log *l, const struct event_rejected *e); /* its body is cut, no text is NULL */
    int (*probe)(struct event_log *l, int64_t now_ms);
    int (*commit)(struct event_log *l);
    int64_t (*touch)(struct event_log *l);
    void (*rollback)(struct event_log *l);
    void (*wal)(const struct event_log *l, struct event_wal *ret);
    int (*checkpoint)(struct event_log *l);
    int (*truncate)(struct event_log *l);
    int (*holders)(const struct event_log *l, int64_t *ret_pids, int max);
    int (*prune)(struct event_log *l, const struct event_retention *rule, int64_t now_ms, int rows_max,
                 struct event_pruned *ret);
};

/* An engine's event log begins with this. */
struct event_log {
    const struct event_log_engine *engine;
    int64_t head, oldest; /* committed; 0: none */
    struct event_ids ids;
};

/* The row of a rejected event; @fmt: the kinds of its six values, as in sql_query(). */
int event_rejected_insert(struct db *db, const struct event_rejected *e, const char *fmt);
