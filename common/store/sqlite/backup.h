/* Copies of the files of a store in a folder, and whether one can be put in place. */
#pragma once

#include <stdint.h>

struct db;

/* Copies the file to @path while others write (online backup, one snapshot), then verifies by quick_check. */
int db_backup(struct db *db, const char *path);
/* Copies @dir/events.db to the new file @path while it is written, without holding the writer back, verifies
 * the copy by quick_check and syncs it. Returns 0 and how many events it holds, -ENOENT (no events.db), or
 * another negative. */
int event_backup(const char *dir, const char *path, int64_t *ret_events);
/* Is @dir/@file a copy that can be put in place: of a schema that is known, and sound? Returns 0, -ENOENT, -EBADMSG,
 * -EPROTONOSUPPORT, -EUCLEAN (it has a "-wal" file, so it is no copy of db_backup()), or another -errno. */
int db_verify(const char *dir, const char *file);
/* SQLite's quick_check: 0, or -EBADMSG. */
int db_quick_check(struct db *db);
/* Syncs a file that was written without. Returns 0 or -errno. */
int sqlite_sync_file(const char *path);
/* The directory entries of a new file are on disk only after this. Returns 0 or -errno. */
int sqlite_sync_dir(const char *dir);
