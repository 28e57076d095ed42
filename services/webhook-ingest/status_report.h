/*
 * The health of the event log for an operator: one log line when it changes, metrics each second, and
 * the checks of /ready: can it commit within a second, and is there room for requests?
 */
#pragma once

#include "common/io/http_server.h"
#include "services/webhook-ingest/committer.h"
#include "services/webhook-ingest/publisher.h"

struct status_report;

/* Kept by reference. Returns 0 or -ENOMEM. */
int status_report_open(struct committer *c, struct publisher *p, const char *data_dir, const char *store,
                       struct status_report **ret);
void status_report_close(struct status_report *r); /* NULL is nothing */
/* From now on; NULL: it is closed. */
void status_report_server(struct status_report *r, struct http_server *server);

/* Logs changes since the last call. */
void status_report_update(struct status_report *r);
/* Each second: the same, and log.head is published. */
void status_report_second(struct status_report *r);
void status_report_gauges(void *ctx); /* before metrics are shown; @ctx is the struct status_report */
const char *status_report_log_id(const struct status_report *r); /* of the last update, as in events_log.h */
bool status_report_is_writable(
    const struct status_report *r); /* the log is open, its last commit went well */
bool status_report_is_over_disk(
    const struct status_report *r);                         /* beyond ZAPKEEP_DISK_SIZE: something gave way */
bool status_report_is_fatal(const struct status_report *r); /* the process has to end */

/* app_checks; @ctx is the struct status_report. */
int status_report_store(void *ctx, char *ret_why, size_t n);
int status_report_load(void *ctx, char *ret_why, size_t n);
