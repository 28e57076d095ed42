/*
 * The files beside a database: "-wal", "-shm" and "-journal". SQLite takes any file there for the database's
 * own. A copy that was put over a database that crashed is then mixed with the writes of the one before it,
 * so they are checked before a writer opens the database.
 *
 * "-journal" (state.db) holds the page 1 of its database, with a counter that grows with each transaction: it
 * must be that of the file, or one less.
 *
 * "-wal" (events.db, forward.db) holds nothing that names its database. So the file gets a random number in
 * its header (application_id) at each start of its owner, and the same number stands in the file "-id" beside
 * it. A copy made by zapkeep backup has no number.
 */
#pragma once

struct db;

/* Returns 0, -EUCLEAN (a file beside @path belongs to another database), or -errno. */
int sqlite_companions_check(const char *path);

/* Call it before a WAL is begun: gives a new database its first number, in the file itself. */
int sqlite_companions_begin(struct db *db);
/* Call it when the WAL at @path was read: a new number, in the file and in "-id". With a reader in the way,
 * or a full disk, the old number stays. */
void sqlite_companions_adopt(struct db *db, const char *path);
