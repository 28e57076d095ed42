/* common/io/loop.h on the stepped clock. Callbacks run in the order in which they became ready. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/io/inner_loop.h"
#include "tests/sim/io/loop_sim.h"

struct loop {
    struct process *process;
    int64_t life;
    struct list ready;
    struct fiber *waits; /* runs the loop, and has nothing to do */
    int64_t now;         /* boot ms, as of this turn */
    int handles;
    int64_t turn_t, turns;      /* so many in this millisecond */
    int64_t spins_t, spin_from; /* it was too many, last and since */
    bool stop, closed;
    void (*on_signal)(void *ctx, int signum);
    void *signal_ctx;
    struct ready signal;
    int signum;
};

/* Turns of a loop take no simulated time. After so many in one millisecond it has passed nevertheless … */
#define TURNS_PER_MS 100
/* … and a loop that goes on like this for so long uses a whole processor for nothing. */
#define SPIN_MAX_MS 3000

struct timer {
    struct ready ready;
    int64_t gen;
    bool closed;
    timer_fn fn;
    void *ctx;
};

struct wakeup {
    struct ready ready;
    bool closed;
    void (*fn)(void *ctx);
    void *ctx;
};

struct thread {
    void (*fn)(void *ctx);
    void *ctx;
    struct fiber *fiber;
    struct fiber *joins;
};

static void *new_handle(size_t bytes)
{
    void *p = calloc(1, bytes);

    if (!p)
        abort();
    return p;
}

/* ---- readiness ------------------------------------------------------------------------------- */

void ready_init(struct ready *r, struct loop *l, void (*fn)(struct ready *r))
{
    list_init(&r->link);
    r->loop = l;
    r->fn = fn;
}

void ready_post(struct ready *r)
{
    struct loop *l = r->loop;

    if (!loop_sim_lives(l) || !list_empty(&r->link))
        return;
    list_append(&l->ready, &r->link);
    if (l->waits)
        fiber_wake(l->waits);
}

void ready_cancel(struct ready *r)
{
    list_remove(&r->link);
}

bool loop_sim_lives(const struct loop *l)
{
    return !l->closed && process_alive(l->process) && process_life(l->process) == l->life;
}

struct process *loop_sim_process(const struct loop *l)
{
    return l->process;
}

void loop_sim_count(struct loop *l, int n)
{
    l->handles += n;
}

/* ---- the loop -------------------------------------------------------------------------------- */

static void on_signal_ready(struct ready *r)
{
    struct loop *l = container_of(r, struct loop, signal);

    if (l->on_signal)
        l->on_signal(l->signal_ctx, l->signum);
}

int loop_open(struct loop **ret)
{
    struct loop *l = new_handle(sizeof *l);

    l->process = process_current();
    l->life = process_life(l->process);
    l->now = world_boot();
    list_init(&l->ready);
    ready_init(&l->signal, l, on_signal_ready);
    process_set_loop(l->process, l);
    *ret = l;
    return 0;
}

int loop_close(struct loop *l)
{
    if (!l)
        return 0;
    if (l->handles != 0)
        world_fail("%d handles of the loop were never closed", l->handles);
    l->closed = true;
    return l->handles == 0 ? 0 : -EBUSY;
}

/* One pass: the callbacks that are ready now, in order. Those that become ready meanwhile run after that. */
static void turn(struct loop *l)
{
    struct list now;
    struct list *it;

    list_init(&now);
    list_splice(&now, &l->ready);
    while (!l->stop && (it = list_pop(&now))) {
        struct ready *r = container_of(it, struct ready, link);

        l->now = world_boot();
        r->fn(r);
        process_step();
    }
    list_splice(&now, &l->ready);
    list_splice(&l->ready, &now);
}

static void count_turn(struct loop *l)
{
    int64_t now = world_now();

    l->turns = now == l->turn_t ? l->turns + 1 : 0;
    l->turn_t = now;
    if (l->turns < TURNS_PER_MS)
        return;
    if (now - l->spins_t > 2)
        l->spin_from = now;
    l->spins_t = now;
    if (now - l->spin_from > SPIN_MAX_MS)
        world_fail("%s spins: it uses a whole processor for nothing", process_name(l->process));
    (void)fiber_wait(now + 1);
}

int loop_run(struct loop *l)
{
    while (!l->stop) {
        count_turn(l);
        l->now = world_boot();
        if (list_empty(&l->ready)) {
            l->waits = fiber_current();
            (void)fiber_wait(INT64_MAX);
            l->waits = NULL;
        } else {
            turn(l);
        }
    }
    l->stop = false;
    return 0;
}

void loop_stop(struct loop *l)
{
    l->stop = true;
}

int64_t loop_now_ms(struct loop *l)
{
    return l->now;
}

/* Nobody sends a signal here. */
int loop_on_signal(struct loop *l, int signum, void (*fn)(void *ctx, int signum), void *ctx)
{
    return 0;
}

int loop_on_stop_signal(struct loop *l, void (*fn)(void *ctx, int signum), void *ctx)
{
    l->on_signal = fn;
    l->signal_ctx = ctx;
    return 0;
}

void loop_sim_signal(struct loop *l, int signum)
{
    l->signum = signum;
    ready_post(&l->signal);
}

/* ---- timers ---------------------------------------------------------------------------------- */

static void on_timer_ready(struct ready *r)
{
    struct timer *t = container_of(r, struct timer, ready);

    t->fn(t->ctx);
}

int timer_open(struct loop *l, timer_fn fn, void *ctx, struct timer **ret)
{
    struct timer *t = new_handle(sizeof *t);

    ready_init(&t->ready, l, on_timer_ready);
    t->fn = fn;
    t->ctx = ctx;
    loop_sim_count(l, 1);
    *ret = t;
    return 0;
}

static void on_time(void *ctx, int64_t gen)
{
    struct timer *t = ctx;

    if (!t->closed && t->gen == gen)
        ready_post(&t->ready);
}

void timer_start(struct timer *t, int64_t after_ms)
{
    int64_t late = world_boot() - t->ready.loop->now; /* libuv counts from the beginning of the turn */

    if (t->closed)
        return;
    ready_cancel(&t->ready);
    t->gen++;
    world_at(world_now() + (after_ms > late ? after_ms - late : 0), on_time, t, t->gen);
}

void timer_stop(struct timer *t)
{
    if (!t)
        return;
    ready_cancel(&t->ready);
    t->gen++;
}

void timer_close(struct timer *t)
{
    if (!t || t->closed)
        return;
    timer_stop(t);
    t->closed = true;
    loop_sim_count(t->ready.loop, -1);
}

/* ---- wake-ups -------------------------------------------------------------------------------- */

static void on_wakeup_ready(struct ready *r)
{
    struct wakeup *w = container_of(r, struct wakeup, ready);

    w->fn(w->ctx);
}

int wakeup_open(struct loop *l, void (*fn)(void *ctx), void *ctx, struct wakeup **ret)
{
    struct wakeup *w = new_handle(sizeof *w);

    ready_init(&w->ready, l, on_wakeup_ready);
    w->fn = fn;
    w->ctx = ctx;
    loop_sim_count(l, 1);
    *ret = w;
    return 0;
}

void wakeup_send(struct wakeup *w)
{
    if (!w->closed)
        ready_post(&w->ready);
}

void wakeup_close(struct wakeup *w)
{
    if (!w || w->closed)
        return;
    ready_cancel(&w->ready);
    w->closed = true;
    loop_sim_count(w->ready.loop, -1);
}

/* ---- descriptors: those of a database's notifications alone ---------------------------------- */

struct poll_fd {
    struct ready ready;
    int fd;
    void (*fn)(void *ctx);
    void *ctx;
    struct poll_fd *next;
};

static struct poll_fd *fds;

void loop_sim_look_at_fds(void)
{
    for (struct poll_fd *p = fds; p; p = p->next) {
        struct pollfd look = { .fd = p->fd, .events = POLLIN };

        if (loop_sim_lives(p->ready.loop) && poll(&look, 1, 0) > 0)
            ready_post(&p->ready);
    }
}

static void on_fd_ready(struct ready *r)
{
    struct poll_fd *p = container_of(r, struct poll_fd, ready);

    p->fn(p->ctx);
}

int poll_fd_open(struct loop *l, int fd, void (*fn)(void *ctx), void *ctx, struct poll_fd **ret)
{
    struct poll_fd *p = new_handle(sizeof *p);

    ready_init(&p->ready, l, on_fd_ready);
    p->fn = fn;
    p->ctx = ctx;
    loop_sim_count(l, 1);
    p->fd = fd;
    p->next = fds;
    fds = p;
    *ret = p;
    return 0;
}

void poll_fd_close(struct poll_fd *p)
{
    struct poll_fd **at = &fds;

    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    ready_cancel(&p->ready);
    loop_sim_count(p->ready.loop, -1);
}

/* ---- a thread -------------------------------------------------------------------------------- */

static void run_thread(void *ctx)
{
    struct thread *t = ctx;

    t->fn(t->ctx);
    if (t->joins)
        fiber_wake(t->joins);
}

int thread_start(void (*fn)(void *ctx), void *ctx, struct thread **ret)
{
    struct thread *t = new_handle(sizeof *t);

    t->fn = fn;
    t->ctx = ctx;
    t->fiber = fiber_start(run_thread, t);
    *ret = t;
    return 0;
}

void thread_join(struct thread *t)
{
    if (!t)
        return;
    while (!fiber_ended(t->fiber)) {
        t->joins = fiber_current();
        (void)fiber_wait(world_now() + 1);
    }
}

/* ---- a loop inside the loop: only with an admin port, which the simulation has not ----------------- */

int inner_loop_open(struct loop *outer, struct inner_loop **ret)
{
    (void)outer;
    (void)ret;
    return -ENOSYS;
}

struct loop *inner_loop_of(struct inner_loop *i)
{
    return (struct loop *)i;
}

int inner_loop_fd(const struct inner_loop *i)
{
    (void)i;
    return -1;
}

void inner_loop_serve(void *ctx)
{
    (void)ctx;
}

void inner_loop_close(struct inner_loop *i)
{
    (void)i;
}
