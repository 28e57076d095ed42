/*
 * The event loop of a process: one thread of ours, timers, wake-ups from another thread, signals. Wraps
 * libuv.
 *
 * Handles are opaque and owned by the caller until their close(); close() of a handle may be called from its
 * own callback; no callback fires after it. Memory is freed when the loop has let go of it, at the latest in
 * loop_close(), which returns -EBUSY when a handle was never closed (a bug that stops the tests).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct timer;
struct wakeup;
struct poll_fd;

int loop_open(struct loop **ret);
int loop_close(struct loop *l);      /* NULL is nothing */
int loop_run(struct loop *l);        /* until loop_stop() or nothing is left */
void loop_stop(struct loop *l);      /* from the loop's thread */
int64_t loop_now_ms(struct loop *l); /* monotonic, cached per iteration */

/* Calls back in the loop's thread. Timers fire once; timer_start() again restarts, also from the callback. 0:
 * soon; the loop serves descriptors in between, also when the callback starts it so again and again. */
typedef void (*timer_fn)(void *ctx);
int timer_open(struct loop *l, timer_fn fn, void *ctx, struct timer **ret);
void timer_start(struct timer *t, int64_t after_ms);
void timer_stop(struct timer *t);
void timer_close(struct timer *t);

/* wakeup_send() may be called from any thread; calls may merge into one callback, none is lost. */
int wakeup_open(struct loop *l, void (*fn)(void *ctx), void *ctx, struct wakeup **ret);
void wakeup_send(struct wakeup *w);
void wakeup_close(struct wakeup *w);

/* Level-triggered readiness of a foreign descriptor for reading. The descriptor stays the caller's. */
int poll_fd_open(struct loop *l, int fd, void (*fn)(void *ctx), void *ctx, struct poll_fd **ret);
void poll_fd_close(struct poll_fd *p);

/* SIGTERM and SIGINT call @fn in the loop's thread; SIGPIPE is ignored from here on. */
int loop_on_stop_signal(struct loop *l, void (*fn)(void *ctx, int signum), void *ctx);

/* Another signal calls @fn in the loop's thread; at most LOOP_SIGNALS_MAX of them. Returns 0 or -errno. */
#define LOOP_SIGNALS_MAX 4
int loop_on_signal(struct loop *l, int signum, void (*fn)(void *ctx, int signum), void *ctx);

/* One thread beside the loop (the commit thread of webhook-ingest). */
struct thread;
int thread_start(void (*fn)(void *ctx), void *ctx, struct thread **ret);
void thread_join(struct thread *t); /* frees; NULL is nothing */
