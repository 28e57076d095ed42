/* The report of a store on itself, line by line: store_report() (store.h). */
#pragma once

/* Parts of a report; any of them together. */
enum store_report_part {
    STORE_REPORT_PROMISES = 1, /* does a commit survive, also a failover; the standbys */
    STORE_REPORT_ARCHIVE = 2,  /* backups, as far as the server shows them */
    STORE_REPORT_ROLES = 4,    /* which program has which role, since when, and its fence */
    STORE_REPORT_REST = 8,     /* version, size, connections, old transactions */
};
#define STORE_REPORT_ALL 15U

/* @problem: "" or the fault and its remedy. A non-zero return stops and is passed up. */
typedef int (*store_report_fn)(void *ctx, const char *name, const char *value, const char *problem);
