/*
 * Whether state.db accepts the monitor's writes: logged when it changes, counted, shown in /health. After a failed
 * sync the content of the disk is unknown, so the owner must open it anew.
 * The other services have common/app/state_store.h for that. The monitor's parts are made from the store's rows, so
 * they are opened and closed with it (parts.h): that kit closes the store by itself, and the parts still hold it then. An outage
 * of the store is an alert here (store_outage.h), where the kit logs a line.
 */
#pragma once

#include <stdbool.h>

#include "common/store/db.h"

struct store_status {
    struct db *db; /* the one that is written to; NULL: none is open */
    bool failing;  /* the last write failed */
    void (*on_sync_failed)(
        void *ctx);                /* state.db must be opened anew, not before this callback has returned */
    void (*on_written)(void *ctx); /* a write succeeded */
    void *ctx;
};

/* @r is the result of a write: 0 or -errno. */
void store_status_written(struct store_status *s, int r);
