/* The contract that the original integration was written against: zapw's code, with its routes, words and a QR event. */
#include "tests/bridge-sim/dialect.h"

const struct sim_dialect dialect_contract = {
    .name = "contract",
    .words = { "connecting", "qr_pending", "connecting", "connected", "disconnected" },
    .came = api_came,
    .serve = api_serve,
    .message = hook_zapw_message,
    .drop_code = 428,
};
