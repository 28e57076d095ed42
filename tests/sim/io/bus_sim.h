/* Faults of the bus, for the world. */
#pragma once

#include "common/base/text.h"
#include "tests/sim/io/world.h"

extern int64_t bus_sim_loss_permille; /* of messages, per subscriber */
extern int64_t bus_sim_delay_max_ms;
/* Sees each message that the hub takes; may be NULL. */
extern void (*bus_sim_tap)(struct str message);
void bus_sim_set_down(bool down);
/* A message from outside: the CLI, or a stranger. */
void bus_sim_publish(struct str text);
