#pragma once

#include <stdint.h>

struct event_log;

/* event_log_open() (store.h) of a folder: takes @dir/events.lock, opens or creates @dir/events.db, brings the WAL that a
 * crash left to disk again. */
int sqlite_log_open(const char *dir, struct event_log **ret, int64_t *ret_pid);
