/*
 * The table of drivers, one row each: X(name), where bridge_<name> is the driver of driver_<name>.c. "auto" asks in
 * this order; the first driver that is sure is taken.
 */
#pragma once

#include "common/bridge/driver.h"

/* clang-format off */
#define BRIDGE_DRIVERS(X) \
    X(zapw)               \
    X(contract)
/* clang-format on */

#define X(name) extern const struct bridge_driver bridge_##name;
BRIDGE_DRIVERS(X)
#undef X

/* The values of WHATSAPP_BRIDGE, as settings.h wants choices: "auto zapw …". */
#define BRIDGE_CHOICE(name) " " #name
#define BRIDGE_CHOICES      "auto" BRIDGE_DRIVERS(BRIDGE_CHOICE)
