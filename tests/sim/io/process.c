/*
 * A process is its main fiber, and its threads' fibers. A fiber runs until it waits; then the world goes on. A
 * process that is killed simply never runs again: its stacks and memory are left as they are, as a real one's are
 * after kill -9, and process_on_end() takes away its things in the world (locks, connections, subscriptions).
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "common/io/loop.h"
#include "tests/sim/io/loop_sim.h"
#include "tests/sim/io/world.h"

#ifdef __SANITIZE_ADDRESS__
#define HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1
#endif
#endif
#ifdef HAS_ASAN
#include <sanitizer/common_interface_defs.h>
#endif

/* A service's deepest stack is SQLite's parser in a turn of the loop: some 60 KiB; ASan needs several times that. */
#define STACK_BYTES ((size_t)1024 * 1024)
#define END_FNS_MAX 8
#define NEVER       INT64_MAX

struct fiber {
    ucontext_t context;
    void *stack;
    struct process *process;
    int64_t life; /* of the process, when it was started */
    void (*fn)(void *ctx);
    void *ctx;
    int64_t wait_no; /* a wake that is planned for an earlier wait is void */
    bool waiting, woken, ended;
    void *fake_stack; /* ASan's */
    void *local;
};

struct process {
    const char *name;
    int (*main)(struct process *p, void *ctx);
    void *ctx;
    bool alive;
    int64_t life;
    int64_t stalled_until;
    int64_t die_in, stall_in, stall_ms; /* steps; -1: not planned */
    struct fiber *main_fiber;
    struct loop *loop;
    void (*on_exit)(void *ctx, int code);
    void *on_exit_ctx;
};

static ucontext_t world_context;
static struct fiber *running;
static void *world_fake_stack;
static const void *world_stack;
static size_t world_stack_bytes;
static void (*end_fns[END_FNS_MAX])(struct process *p);
static int n_end_fns;

/* ---- switching ------------------------------------------------------------------------------- */

static void before_switch(void **fake_stack, const void *stack, size_t bytes)
{
#ifdef HAS_ASAN
    __sanitizer_start_switch_fiber(fake_stack, stack, bytes);
#endif
}

static void after_switch(void *fake_stack)
{
#ifdef HAS_ASAN
    const void *stack;
    size_t bytes;

    __sanitizer_finish_switch_fiber(fake_stack, &stack, &bytes);
    if (running && !world_stack) {
        world_stack = stack;
        world_stack_bytes = bytes;
    }
#endif
}

static void switch_to(struct fiber *f)
{
    running = f;
    before_switch(&world_fake_stack, f->stack, STACK_BYTES);
    (void)swapcontext(&world_context, &f->context);
    running = NULL;
    after_switch(world_fake_stack);
}

static void switch_back(struct fiber *f, bool for_good)
{
    before_switch(for_good ? NULL : &f->fake_stack, world_stack, world_stack_bytes);
    (void)swapcontext(&f->context, &world_context);
    after_switch(f->fake_stack);
}

static bool is_of_this_life(const struct fiber *f)
{
    return f->process->alive && f->life == f->process->life && !f->ended;
}

static void on_wake(void *ctx, int64_t wait_no)
{
    struct fiber *f = ctx;

    if (!is_of_this_life(f) || !f->waiting || f->wait_no != wait_no)
        return;
    if (f->process->stalled_until > world_now()) {
        world_at(f->process->stalled_until, on_wake, f, wait_no);
        return;
    }
    f->waiting = false;
    switch_to(f);
}

bool fiber_wait(int64_t until)
{
    struct fiber *f = running;

    f->waiting = true;
    f->woken = false;
    f->wait_no++;
    if (until != NEVER)
        world_at(until, on_wake, f, f->wait_no);
    switch_back(f, false);
    return f->woken;
}

void fiber_wake(struct fiber *f)
{
    if (!f->waiting || f->woken)
        return;
    f->woken = true;
    world_at(world_now(), on_wake, f, f->wait_no);
}

/* ---- fibers ---------------------------------------------------------------------------------- */

static void *new_stack(void)
{
    void *stack =
        mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (stack == MAP_FAILED)
        abort();
    return stack;
}

static void run_fiber(unsigned int high, unsigned int low)
{
    struct fiber *f = (void *)((uintptr_t)high << 32 | (uintptr_t)low);

    after_switch(NULL);
    f->fn(f->ctx);
    f->ended = true;
    switch_back(f, true);
    abort();
}

static struct fiber *new_fiber(struct process *p, void (*fn)(void *ctx), void *ctx)
{
    struct fiber *f = calloc(1, sizeof *f);

    if (!f || getcontext(&f->context) != 0)
        abort();
    f->stack = new_stack();
    f->process = p;
    f->life = p->life;
    f->fn = fn;
    f->ctx = ctx;
    f->context.uc_stack.ss_sp = f->stack;
    f->context.uc_stack.ss_size = STACK_BYTES;
    makecontext(&f->context, (void (*)(void))(void *)run_fiber, 2, (unsigned int)((uintptr_t)f >> 32),
                (unsigned int)((uintptr_t)f & 0xffffffffU));
    f->waiting = true;
    world_at(world_now(), on_wake, f, f->wait_no);
    return f;
}

struct fiber *fiber_start(void (*fn)(void *ctx), void *ctx)
{
    return new_fiber(running->process, fn, ctx);
}

bool fiber_ended(const struct fiber *f)
{
    return f->ended;
}

struct fiber *fiber_current(void)
{
    return running;
}

void **fiber_local(void)
{
    static void *of_the_world;

    return running ? &running->local : &of_the_world;
}

struct process *process_current(void)
{
    return running ? running->process : NULL;
}

/* ---- a process's life ------------------------------------------------------------------------ */

struct process *process_new(const char *name, int (*main)(struct process *p, void *ctx), void *ctx)
{
    struct process *p = calloc(1, sizeof *p);

    if (!p)
        abort();
    p->name = name;
    p->main = main;
    p->ctx = ctx;
    p->die_in = p->stall_in = -1;
    return p;
}

static void end(struct process *p)
{
    p->alive = false;
    p->die_in = p->stall_in = -1;
    for (int i = 0; i < n_end_fns; i++)
        end_fns[i](p);
    p->loop = NULL;
}

static void on_exit_main(void *ctx, int64_t code)
{
    struct process *p = ctx;

    if (p->on_exit)
        p->on_exit(p->on_exit_ctx, (int)code);
}

static void run_main(void *ctx)
{
    struct process *p = ctx;
    int code = p->main(p, p->ctx);

    world_log("ends with exit code %d", code);
    end(p);
    world_at(world_now(), on_exit_main, p, code);
}

void process_start(struct process *p)
{
    if (p->alive)
        return;
    p->alive = true;
    p->life++;
    p->stalled_until = 0;
    p->main_fiber = new_fiber(p, run_main, p);
    world_log("%s starts", p->name);
}

void process_kill(struct process *p)
{
    if (!p->alive)
        return;
    world_log("%s is killed", p->name);
    end(p);
}

void process_signal(struct process *p, int signum)
{
    if (p->alive && p->loop)
        loop_sim_signal(p->loop, signum);
    else
        process_kill(p); /* not even started: the default action of the signal */
}

void process_stall(struct process *p, int64_t until)
{
    if (p->alive && until > p->stalled_until)
        p->stalled_until = until;
}

void process_die_after(struct process *p, int64_t steps)
{
    p->die_in = steps;
}

void process_stall_after(struct process *p, int64_t steps, int64_t stall_ms)
{
    p->stall_in = steps;
    p->stall_ms = stall_ms;
}

/* The fiber waits for a wake that never comes: it is of a life that is over. */
static void die(struct process *p)
{
    world_log("is killed here");
    end(p);
    switch_back(running, false);
    abort();
}

void process_step(void)
{
    struct process *p = process_current();

    if (!p)
        return;
    if (p->die_in >= 0 && p->die_in-- == 0)
        die(p);
    if (p->stall_in >= 0 && p->stall_in-- == 0) {
        world_log("is stopped here for %.1f s", (double)p->stall_ms / 1000);
        p->stalled_until = world_now() + p->stall_ms;
        (void)fiber_wait(p->stalled_until);
    }
}

/* ---- questions of others ------------------------------------------------------------------------- */

const char *process_name(const struct process *p)
{
    return p->name;
}

bool process_alive(const struct process *p)
{
    return p->alive;
}

bool process_stalled(const struct process *p)
{
    return p->stalled_until > world_now();
}

int64_t process_stalled_until(const struct process *p)
{
    return p->stalled_until;
}

int64_t process_life(const struct process *p)
{
    return p->life;
}

void process_on_exit(struct process *p, void (*fn)(void *ctx, int code), void *ctx)
{
    p->on_exit = fn;
    p->on_exit_ctx = ctx;
}

void process_set_loop(struct process *p, struct loop *l)
{
    p->loop = l;
}

struct loop *process_loop(const struct process *p)
{
    return p->loop;
}

void process_on_end(void (*fn)(struct process *p))
{
    for (int i = 0; i < n_end_fns; i++)
        if (end_fns[i] == fn)
            return;
    if (n_end_fns == END_FNS_MAX)
        abort();
    end_fns[n_end_fns++] = fn;
}
