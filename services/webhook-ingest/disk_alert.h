/*
 * The alert that the stores are beyond ZAPKEEP_DISK_SIZE and something gives way. It is a row of state.db, which the
 * monitor sends to the sinks.
 */
#pragma once

#include "common/app/app.h"

struct disk_alert;

/* @data_dir is borrowed. Returns 0 or -ENOMEM. */
int disk_alert_open(struct app *app, const char *data_dir, struct disk_alert **ret);
void disk_alert_close(struct disk_alert *d); /* NULL is nothing */
/* Each second: the stores are over the limit, or are not. Logs it, raises or resolves the alert, and tries again while state.db cannot take it. */
void disk_alert_update(struct disk_alert *d, bool over);
