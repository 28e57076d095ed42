/* The tables of each file. */
#pragma once

/* user_version N becomes N + 1 by running sql[N]. */
struct db_schema {
    const char *const *sql; /* NULL-ended */
};
int db_schema_version(const struct db_schema *schema); /* how many steps it has */

extern const struct db_schema state_schema, events_schema, forward_schema;

/* A column of a list in common/store/columns.h, as it stands in CREATE TABLE. */
#define SQL_DECLS                          SQL_DECL_KEY, SQL_DECL_1, SQL_DECL
#define SQL_DECL_KEY(kind, column, member) #column " " SQL_DECL_##kind ", "
#define SQL_DECL_1(kind, column, member)   #column " " SQL_DECL_##kind
#define SQL_DECL(kind, column, member)     ", " #column " " SQL_DECL_##kind
#define SQL_DECL_TEXT                      "TEXT NOT NULL DEFAULT ''"
#define SQL_DECL_INT                       "INTEGER NOT NULL DEFAULT 0"
