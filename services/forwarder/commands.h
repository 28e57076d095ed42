/* What operators order by the CLI: rows of state.db, looked at on a bell and every 2 s. */
#pragma once

#include "services/forwarder/forwarder.h"

#define COMMANDS_MS 2000
void commands_on_timer(void *ctx);
