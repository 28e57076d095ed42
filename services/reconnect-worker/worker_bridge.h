/*
 * The bridges of a worker: made from the settings, changed by SIGHUP.
 */
#pragma once

#include "services/reconnect-worker/worker.h"

/* Reads the settings of all bridges into w->set. Returns 0, APP_EXIT(…), or a negative. */
int worker_bridges_read(struct worker *w);
/* Makes the bridges of w->set; each looks for sessions that are due. Returns 0 or -errno. */
int worker_bridges_open(struct worker *w);
/* SIGHUP: the file of bridges is read anew, and taken whole or not at all. A bridge that is not in it any more, or is there
 * otherwise, claims nothing more; its calls end and are recorded. */
void worker_bridges_reload(struct worker *w);
/* At the end: forgets all calls. */
void worker_bridges_close(struct worker *w);
