/* The rows of the table in driver.c, one file each. Used inside common/bridge only. */
#pragma once

#include "common/bridge/driver.h"

extern const struct bridge_driver bridge_zapw;
extern const struct bridge_driver bridge_contract;
