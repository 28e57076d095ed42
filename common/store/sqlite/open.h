/* Opening one SQLite file by its rules (db.h). */
#pragma once

struct db;
struct db_schema;

/* The rules a file is opened with. */
enum sqlite_rules {
    RULES_STATE, /* rollback journal, several writers */
    RULES_STATE_READER,
    RULES_LOG_WRITER, /* WAL, the one writer: no checkpoint unless asked for, none at close */
    RULES_LOG_READER, /* WAL, read-only, never checkpoints */
    RULES_OWNED,      /* WAL, its one owner writes and checkpoints; a commit costs no fsync */
    RULES_COPY,       /* a new file that is worth nothing before it is whole: no journal, no sync */
};

/* @schema may be NULL (readers: the version is checked against @version_max then, when that is not 0). Returns 0, or a
 * negative of db_open_state(). */
int sqlite_open(const char *path, enum sqlite_rules rules, const struct db_schema *schema, int version_max,
                struct db **ret);
void sqlite_close(struct db *db); /* of engine.h: use db_close() */

/* A file of the folder by the rules of state.db, with any schema. */
int db_open(const char *dir, const char *file, const struct db_schema *schema, struct db **ret);
int db_open_reader(const char *dir, const char *file, struct db **ret);
/* In memory, for tests. */
int db_open_memory(const struct db_schema *schema, struct db **ret);
