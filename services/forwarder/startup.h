/* Getting hold of what the forwarder needs: the lock, forward.db, the log. What is not there is waited for.
 */
#pragma once

#include "services/forwarder/forwarder.h"

void startup_on_timer(void *ctx);
/* A store failed, or the log is another one: lets go of all and begins again, after a while. */
void open_redeliver(struct forwarder *f);
void startup_undo(struct forwarder *f);
