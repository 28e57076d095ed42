/*
 * A database as files on disk, without SQLite: which file it is, its header, and sentences for an operator.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Beside the stores: the mark of a folder that is the target of a move which did not end. */
#define MOVE_MARK_FILE "move.unfinished"

/* Tells a file from another one that stands at its path later. */
struct sqlite_file {
    uint64_t dev, ino;
};
/* Returns 0 or -errno. */
int sqlite_file_at(const char *path, struct sqlite_file *ret);
/* False when another file stands at @path, or none. */
bool sqlite_file_is_at(const struct sqlite_file *f, const char *path);

/* Bytes of all stores in the folder besides events.db itself: state.db, forward.db, their journals and
 * write-ahead logs, that of events.db, and the forwarder's acknowledgements. */
int64_t sqlite_other_bytes(const char *dir);

/* Numbers of SQLite's file formats are 4 bytes, the highest first. */
uint32_t sqlite_read_u32(const uint8_t *p);
/* The place of the change counter in the first page of a file. */
#define SQLITE_AT_CHANGE_COUNTER 24

/* Bytes 0 to 99 of a SQLite file, as far as they are used here. */
struct sqlite_header {
    bool is_sqlite;
    bool is_wal;
    uint32_t change_counter;
    uint32_t user_version;   /* the schema */
    uint32_t application_id; /* of zapkeep: a random number of this file, see companions.h */
};
/* Returns 0 (an empty or foreign file has is_sqlite false) or -errno. */
int sqlite_header_read(const char *path, struct sqlite_header *ret);

/* The schema that this zapkeep knows of STATE_DB_FILE and the others; 0: none of its files. */
int sqlite_known_schema(const char *file);

/*
 * One sentence that says why @dir/@file could not be opened or written with the negative @r, and names the
 * next step:
 * "…/state.db was written by a newer zapkeep (schema 99, this one knows 7): start that version". Returns
 * @ret.
 */
const char *sqlite_problem(const char *dir, const char *file, int r, char *ret, size_t n);
