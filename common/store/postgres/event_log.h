#pragma once

#include <stdint.h>

struct event_log;

/* event_log_open() (store.h): any number of webhook-ingests write one log. */
int pg_log_open(const char *where, struct event_log **ret, int64_t *ret_pid);
