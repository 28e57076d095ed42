/*
 * zapkeep-forward: follows the event log and delivers it to backends. Several may be started in one process, on a
 * clock and random numbers of their own.
 */
#pragma once

#include "common/app/app.h"

struct forwarder;

/* Returns 0, APP_EXIT(...) or -errno. *ret is set also on failure, for forwarder_close(). */
int forwarder_open(const struct app_start *start, struct forwarder **ret);
int forwarder_run(struct forwarder *f); /* until the program is to stop; as app_run() */
/* @r: the result of the last step. Returns the exit code. */
int forwarder_close(struct forwarder *f, int r);
