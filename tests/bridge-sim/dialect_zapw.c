/* zapw, as recorded: api.c, api_session.c and hook.c are its own. */
#include "tests/bridge-sim/dialect.h"

const struct sim_dialect dialect_zapw = {
    .name = "zapw",
    .words = { "initializing", "qr_waiting", "connecting", "connected", "disconnected" },
    .came = api_came,
    .serve = api_serve,
    .message = hook_zapw_message,
    .drop_code = 428,
};
