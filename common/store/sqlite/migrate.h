/* The schema of a file, step by step. */
#pragma once

struct db;
struct db_schema;

/* Returns 0, -EPROTONOSUPPORT (a newer zapkeep wrote it), or another negative. */
int sqlite_migrate(struct db *db, const struct db_schema *schema);
/* 0, -ENOENT: made, but not filled yet; -EPROTONOSUPPORT: newer than @version_max. */
int sqlite_check_version(struct db *db, int version_max);
