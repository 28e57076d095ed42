/*
 * A world on a stepped clock: a queue of events in true time, and simulated processes that run the services that
 * ship. Each process runs on stacks of its own (its main and its threads are fibers) and gives the processor back
 * whenever it waits, so one real thread runs everything, in an order that the seed alone decides.
 *
 *   world.c             time, events, chance, log lines
 *   process.c           processes and fibers: start, kill at any step, stall, signals
 *   loop_sim.c          common/io/loop.h
 *   http_client_sim.c   common/io/http_client.h, over net.h
 *   http_server_sim.c   common/io/http_server.h, over net.h
 *   bus_sim.c           common/io/bus.h: publishers and subscribers that share one hub
 *   file_watch_sim.c    common/io/file_watch.h
 *   proc_sim.c          common/io/proc.h: programs are functions of the world
 *   disk_sim.c          SQLite's file layer in memory: locks, failing disks, power cuts
 *   postgres_sim.c      a real PostgreSQL server: its answers come in the world's time, connections break
 *   system_sim.c        clocks, random numbers, sleeping, locks of the services
 *
 * There is one world in a program. Handles of the simulated io are never freed: a run ends with its program.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/list.h"
#include "common/base/rng.h"

#define WORLD_T0 ((int64_t)1000 * 1000 * 1000) /* true time of the start, ms */

/* ---- time ------------------------------------------------------------------------------------ */

/* True time, ms. It never jumps; clocks of the machine are offsets to it. */
int64_t world_now(void);
/* Called after each event; may be NULL. */
extern void (*world_after)(void);
/* Calls @fn at @t (now, if @t is past), in the order of t and then of these calls. */
void world_at(int64_t t, void (*fn)(void *ctx, int64_t a), void *ctx, int64_t a);
/* Runs until @until, or until world_fail(). */
void world_run(int64_t until);

/* ---- the machine's clocks -------------------------------------------------------------------- */

int64_t world_wall(void);      /* as the machine's wall clock reads now */
int64_t world_true_wall(void); /* as another machine's does, which nobody sets */
int64_t world_boot(void);      /* ms since the machine started */
const char *world_boot_id(void);
void world_step_wall(int64_t ms);
/* The machine starts anew at the true time @t. Its processes are not touched. */
void world_reboot(int64_t t);

/* ---- chance ---------------------------------------------------------------------------------- */

void world_seed(uint64_t seed);
int64_t world_draw(int64_t below); /* uniform in [0, below) */
bool world_chance(int64_t permille);
/* Random numbers of the services: another sequence, so that one more draw changes nothing around them. */
uint64_t world_rand64(void);

/* ---- results --------------------------------------------------------------------------------- */

extern int world_verbose; /* 1: every step, 2: every call */
/* A line with the time and the process that runs; only when verbose. */
void world_log(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
#define world_debug(...) (world_verbose > 1 ? world_log(__VA_ARGS__) : (void)0)
/* A guarantee is broken: prints it, and world_run() returns. */
void world_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
bool world_failed(void);

/* ---- processes ------------------------------------------------------------------------------- */

struct process;
struct fiber;
struct loop;

/* @main runs as the program's main() would, on a stack of its own; its result is the exit code. */
struct process *process_new(const char *name, int (*main)(struct process *p, void *ctx), void *ctx);
const char *process_name(const struct process *p);
void process_start(struct process *p); /* nothing when it lives */
void process_kill(struct process *p);  /* as kill -9 does; not from inside itself */
void process_signal(struct process *p, int signum);
/* It does nothing until the true time @until, as under SIGSTOP. */
void process_stall(struct process *p, int64_t until);
bool process_alive(const struct process *p);
bool process_stalled(const struct process *p);
int64_t process_stalled_until(
    const struct process *p); /* true time at which it last went on; 0: never stopped */
/* Counts lives: plans of an earlier life are void. */
int64_t process_life(const struct process *p);
/* After @steps more steps (writes, syncs, locks, calls, messages, turns of its loop) it dies, or does nothing for
 * @stall_ms. A step is anything that the outside could notice. */
void process_die_after(struct process *p, int64_t steps);
void process_stall_after(struct process *p, int64_t steps, int64_t stall_ms);
/* Called when a process ends by itself; @code is its exit code. */
void process_on_exit(struct process *p, void (*fn)(void *ctx, int code), void *ctx);

/* ---- for the simulated io: called inside a process ------------------------------------------- */

struct process *process_current(void); /* NULL: the world itself runs */
struct fiber *fiber_current(void);
/* Something that the outside could notice happens now: here it may die (then this does not return) or stall. */
void process_step(void);
/* Waits for fiber_wake(), at most until the true time @until (INT64_MAX: without end). False: the time is over. */
bool fiber_wait(int64_t until);
void fiber_wake(struct fiber *f);
/* A thread of the process that runs. */
struct fiber *fiber_start(void (*fn)(void *ctx), void *ctx);
bool fiber_ended(const struct fiber *f);
/* A pointer of its own, NULL at first, for each fiber and for the world. */
void **fiber_local(void);
/* The loop of the process; set by loop_sim.c. */
void process_set_loop(struct process *p, struct loop *l);
struct loop *process_loop(const struct process *p);
/* Called when the process dies or ends: its things in the world go. Registered once per kind of thing. */
void process_on_end(void (*fn)(struct process *p));
