/*
 * The alert that the stores are beyond ZAPKEEP_DISK_SIZE and something gives way. It is a row of the state, which the
 * monitor sends to the sinks.
 */
#pragma once

#include "common/app/app.h"

struct disk_alert;

/* @store is borrowed. Returns 0 or -ENOMEM. */
int disk_alert_open(struct app *app, const char *store, struct disk_alert **ret);
void disk_alert_close(struct disk_alert *d); /* NULL is nothing */
/* The stores are over the limit, or are not. */
void disk_alert_note(struct disk_alert *d, bool over);
/* Each second: logs it, raises or resolves the alert, and tries again while the state cannot take it. May wait for the store; any thread,
 * one at a time. */
void disk_alert_second(struct disk_alert *d);
