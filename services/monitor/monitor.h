/*
 * The monitor: watches one bridge and its sessions. Several may run in one process, each with an app of its own.
 */
#pragma once

#include "common/app/app.h"

struct monitor;

/* Returns 0; or APP_EXIT(…) or a negative, and monitor_close() still has to be called with it. */
int monitor_open(const struct app_start *start, struct monitor **ret);
struct app *monitor_app(struct monitor *m);
/* Closes the app, too; NULL is nothing. @r as for app_close(). Returns the exit code. */
int monitor_close(struct monitor *m, int r);
