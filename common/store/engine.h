/*
 * An engine of the store: the functions that differ between SQLite and PostgreSQL, as a table. The rows (sessions.c,
 * forward.c, events_read.c …) are written once, in SQL that both understand; they run it by sql.h, which calls an engine
 * by this table. Opening is in store.c. Nothing outside common/store sees an engine.
 *
 * Returns are those of db.h unless a line says otherwise.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/text.h"
#include "common/store/move_side.h"
#include "common/store/report.h"

struct buf;
struct clock;
struct engine;
struct event_filter;
struct event_ids;
struct event_log;
struct event_reader;
struct event_rows;
struct now;
struct program_row;
struct program_sign;
struct store_crew;
struct store_crew_view;
struct store_role;
struct store_role_row;

/* An engine's connection begins with this. */
struct db {
    const struct engine *engine;
    struct sql *cache; /* prepared statements, most of them not in use */
    bool reading;      /* between db_begin_reads() and db_end_reads() */
    bool broken;       /* db_sync_failed() */
    char error[256];   /* of the last failure */
};

/* An engine's prepared statement begins with this. */
struct sql {
    struct db *db;
    const char *text;
    bool busy; /* somebody steps it now: another user of the same text gets one of its own */
    struct sql *next;
};

struct engine {
    const char *name;
    const char *(*version)(void);

    /* ---- statements (sql.h) ---- */

    /* @fmt: the kinds of its values, one letter each as in sql_query(). */
    int (*prepare)(struct db *db, const char *text, const char *fmt, struct sql **ret);
    void (*finalize)(struct sql *q);
    /* Values from 1 on; a text or blob with p == NULL is NULL. They are borrowed until reset. */
    int (*bind_int)(struct sql *q, int at, int64_t v);
    int (*bind_text)(struct sql *q, int at, struct str s);
    int (*bind_blob)(struct sql *q, int at, struct str s);
    int (*bind_null)(struct sql *q, int at);
    int (*next)(struct sql *q); /* SQL_ROW, 0 or -errno */
    /* next() until it is not SQL_ROW; outside a transaction a write is committed. Returns 0 or -errno. */
    int (*run_to_end)(struct sql *q);
    void (*reset)(struct sql *q); /* it can be bound and run again */
    int64_t (*column_int)(const struct sql *q, int column);
    struct str (*column_text)(const struct sql *q, int column);
    struct str (*column_blob)(const struct sql *q, int column);
    bool (*column_is_null)(const struct sql *q, int column);
    int (*exec)(struct db *db, const char *sql);
    int64_t (*changes)(const struct db *db);

    /* ---- a connection (db.h) ---- */

    void (*close)(struct db *db); /* its statements are finalized already */
    int (*begin)(struct db *db);
    int (*begin_bridge)(struct db *db, const char *bridge); /* NULL: there is one lock */
    int (*commit)(struct db *db);
    void (*rollback)(struct db *db);
    bool (*in_transaction)(const struct db *db);
    int (*begin_reads)(struct db *db);
    void (*end_reads)(struct db *db);
    int (*data_version)(struct db *db, int64_t *ret);
    /* NULL: the engine notifies nobody. */
    void (*notify_as)(struct db *db, const char *who);
    int (*notify_fd)(struct db *db, int *ret);
    int (*notify_take)(struct db *db);
    int (*check_writable)(struct db *db);
    int (*ping)(struct db *db); /* NULL: there is no server to ask */
    int (*steady_now)(struct db *db, struct clock *clock, struct now *ret);

    /* ---- a store (store.h); @where: as it was configured ---- */

    int (*open_state)(const char *where, struct db **ret);
    int (*open_state_reader)(const char *where, struct db **ret);
    int (*open_forward)(const char *where, bool alone, struct db **ret);
    int (*open_forward_reader)(const char *where, struct db **ret);
    int (*forward_checkpoint)(struct db *db, bool *ret_all);
    int (*open_log)(const char *where, struct event_log **ret, int64_t *ret_pid);
    int (*open_log_reader)(const char *where, struct db **ret);
    /* NULL in SQLite's, which has neither a connection to share nor passwords. */
    void (*share_connection)(bool on);
    void (*set_password)(const char *password, const char *file);
    bool (*has_password)(const char *where);

    int (*upgrade)(const char *where);
    int (*schema)(const char *where, int *ret_is, int *ret_known);
    const char *(*display)(const char *where, char *ret, size_t n);
    int (*report)(const char *where, unsigned parts, store_report_fn on_line, void *ctx);
    const char *(*part)(const char *file);             /* store_part() */
    void (*problem_detail)(int r, const char *detail); /* NULL: it has none */
    const char *(*problem)(const char *where, const char *part, int r, char *ret, size_t n);
    int64_t (*other_bytes)(const char *where);

    /* Returns 0, MOVE_IN_USE or MOVE_NOT_EMPTY and its detail, or a negative of db_open_state() (move_side.h). */
    int (*move_open)(const char *where, enum move_role role, struct move_side **ret, char *ret_detail,
                     size_t n);

    /* role.h */
    int (*crew_open)(const char *where, const char *kind, struct store_crew **ret);
    bool (*role_is_taken)(const char *where, const char *kind);
    int (*roles_each)(const char *where, int (*on_row)(void *ctx, const struct store_role_row *row),
                      void *ctx);

    /* programs.h; NULL: the engine has no such rows */
    int (*sign_program)(struct db *db, const struct program_sign *s, bool alive);
    int (*programs_each)(struct db *db, int (*on_row)(void *ctx, const struct program_row *row), void *ctx);

    /* ---- reading the log (events_read.c) ---- */

    /* Does another log stand where this one stood, or none? */
    bool (*log_is_stale)(const struct db *db);
    /* Reads that see one state of the log. */
    int (*begin_snapshot)(struct db *db);
    void (*end_snapshot)(struct db *db);
    /* As event_read(), in a snapshot of its own; sets head_seq and next_seq, adds rows by event_rows_add(). */
    int (*scan)(struct db *db, const struct event_ids *ids, int64_t from_seq,
                const struct event_filter *filter, int limit, struct event_rows *ret);
};

extern const struct engine sqlite_engine;   /* a folder */
extern const struct engine postgres_engine; /* postgresql://… */

/* An engine's crew and role begin with these (role.h). */
struct store_crew_engine {
    int (*renew)(struct store_crew *crew, struct store_crew_view *ret);
    bool (*is_free)(const struct store_crew *crew, const char *role);
    int (*take)(struct store_crew *crew, const char *role, struct store_role **ret);
    void (*close)(struct store_crew *crew);
};
struct store_crew {
    const struct store_crew_engine *engine;
};

struct store_role_engine {
    int64_t (*left_ms)(const struct store_role *role);
    void (*fence)(const struct store_role *role, struct db *db);
    void (*release)(struct store_role *role);
};
struct store_role {
    const struct store_role_engine *engine;
};
