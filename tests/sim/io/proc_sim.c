/* common/io/proc.h: a program is a function of the world. */
#include "common/io/proc.h"

#include <errno.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "tests/sim/io/loop_sim.h"
#include "tests/sim/io/proc_sim.h"

int (*proc_sim_run)(const char *const argv[], int64_t *ret_took_ms);

struct proc {
    struct ready ready;
    int status;
    bool over;
    void (*done)(void *ctx, int status);
    void *ctx;
};

static void on_ready(struct ready *r)
{
    struct proc *p = container_of(r, struct proc, ready);

    if (p->over)
        return;
    p->over = true;
    p->done(p->ctx, p->status);
}

static void on_end(void *ctx, int64_t a)
{
    struct proc *p = ctx;

    ready_post(&p->ready);
}

int proc_run(struct loop *l, const char *const argv[], const char *const env[], int64_t timeout_ms,
             void (*done)(void *ctx, int status), void *ctx, struct proc **ret)
{
    struct proc *p = calloc(1, sizeof *p);
    int64_t took_ms = 0;

    if (!p)
        abort();
    process_step();
    ready_init(&p->ready, l, on_ready);
    p->done = done;
    p->ctx = ctx;
    p->status = proc_sim_run ? proc_sim_run(argv, &took_ms) : -ENOENT;
    if (took_ms >= timeout_ms) {
        p->status = -ETIMEDOUT;
        took_ms = timeout_ms;
    }
    world_at(world_now() + took_ms, on_end, p, 0);
    *ret = p;
    return 0;
}

void proc_let_go(struct proc *p)
{
    if (p)
        p->over = true;
}
