/* The inside of a reader of the log, for the files of this folder. */
#pragma once

struct db;
struct event;
struct event_ids;
struct event_reader;
struct event_rows;

/* Takes @db, which the engine opened, also when it fails. Returns 0, -EBADMSG (not an event log) or another negative. */
int event_reader_new(struct db *db, struct event_reader **ret);
/* Copies @row, whose id is not set; a failure sticks in @rows->bytes. There is room for the row. */
void event_rows_add(struct event_rows *rows, const struct event_ids *ids, const struct event *row);
