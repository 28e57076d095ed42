/* The simulated loop, for the other files of the simulated io. */
#pragma once

#include "common/base/list.h"
#include "common/io/loop.h"
#include "tests/sim/io/world.h"

/* Something that calls back in the loop's process: embedded in each handle. */
struct ready {
    struct list link; /* in the loop while it waits for its turn */
    struct loop *loop;
    void (*fn)(struct ready *r);
};
/* Inside the process that opens the handle. */
void ready_init(struct ready *r, struct loop *l, void (*fn)(struct ready *r));
/* Its turn comes, once however often this is called before; nothing when the loop's process is dead. */
void ready_post(struct ready *r);
void ready_cancel(struct ready *r);

struct process *loop_sim_process(const struct loop *l);
/* Its process lives, and the loop is not closed. */
bool loop_sim_lives(const struct loop *l);
void loop_sim_signal(struct loop *l, int signum);
/* Handles that must be closed before the loop is. */
void loop_sim_count(struct loop *l, int n);
/* Called by the world: descriptors that are readable now have their turn. */
void loop_sim_look_at_fds(void);
