/*
 * The end of an alert that its raiser does not resolve: the row goes, the change is noted, the sinks are told. In the caller's transaction.
 */
#pragma once

#include "common/store/alerts.h"

/* @detail: the reason, for people. Returns 0 or -errno; one that is gone already is nothing. */
int alert_end(struct db *db, const struct alert_row *row, const char *detail, int64_t now_wall);
