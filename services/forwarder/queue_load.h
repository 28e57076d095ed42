/* The rows of forward.db as queues again, when a destination is opened. */
#pragma once

#include "common/policy/delivery.h"
#include "services/forwarder/queue_rows.h"
#include "services/forwarder/queue_schedule.h"
#include "services/forwarder/queue_table.h"

struct queue_load {
    struct queue_rows *rows;
    struct queue_table *table;
    struct queue_schedule *schedule;
    const struct delivery_schedule *delivery;
    int64_t boot_ms, wall_ms; /* now */
};

/* Returns 0 or -errno. */
int queue_load_all(struct queue_load *l);
