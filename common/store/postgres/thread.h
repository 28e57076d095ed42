/* The engine's own state of a thread. The simulation runs many threads in one and links a function of its own in this one's place. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct pg_wire;

struct pg_thread {
    bool shares;           /* store_share_connection() */
    struct pg_wire *wires; /* that others of this thread can join */
    /* The last reading of the time (steady.c); it outlives a connection, for a failover is when it matters. Boot times of
     * just before and just after it, 0: there was none. */
    int64_t steady_ms, before_ms, after_ms;
};

/* Of the calling thread; never NULL. */
struct pg_thread *pg_thread(void);
