/*
 * Each handle embeds its libuv handle; close() hands it to uv_close() and its memory goes when libuv lets go
 * of it. A callback that is on its way when close() is called finds the handle closing and does not fire.
 */
#include "common/io/loop.h"

#include <errno.h>
#include <signal.h>
#include <uv.h>

#include "common/base/list.h"
#include "common/base/mem.h"
#include "common/io/loop_uv.h"

struct loop {
    uv_loop_t uv;
    bool in_timer;    /* a timer's callback runs */
    struct list soon; /* timers for after the next look at descriptors */
    uv_idle_t idle;   /* active while there are some: the look does not block */
    uv_check_t check;
    uv_signal_t signals[2]; /* SIGTERM, SIGINT */
    bool has_signals;
    struct other_signal {
        uv_signal_t uv;
        void (*fn)(void *ctx, int signum);
        void *ctx;
    } others[LOOP_SIGNALS_MAX];
    int n_others;
    void (*on_signal)(void *ctx, int signum);
    void *signal_ctx;
};

struct timer {
    uv_timer_t uv;
    struct loop *loop;
    struct list in_soon;
    timer_fn fn;
    void *ctx;
};

struct wakeup {
    uv_async_t uv;
    void (*fn)(void *ctx);
    void *ctx;
};

struct poll_fd {
    uv_poll_t uv;
    void (*fn)(void *ctx);
    void *ctx;
};

struct thread {
    uv_thread_t uv;
    void (*fn)(void *ctx);
    void *ctx;
};

/* All handles have their uv member first, so the address is that of the allocation. */
static void on_closed(uv_handle_t *h)
{
    mem_free(h);
}

static void close_handle(uv_handle_t *h)
{
    if (!uv_is_closing(h))
        uv_close(h, on_closed);
}

/* ---- the loop -------------------------------------------------------------------------------- */

int loop_open(struct loop **ret)
{
    struct loop *l = mem_zalloc(sizeof *l);
    int r = l ? uv_loop_init(&l->uv) : -ENOMEM;

    if (r != 0) {
        mem_free(l);
        return r;
    }
    list_init(&l->soon);
    (void)uv_idle_init(&l->uv, &l->idle);
    (void)uv_check_init(&l->uv, &l->check);
    *ret = l;
    return 0;
}

static void close_signals(struct loop *l)
{
    for (size_t i = 0; l->has_signals && i < ARRAY_LEN(l->signals); i++)
        uv_close((uv_handle_t *)&l->signals[i], NULL);
    l->has_signals = false;
    while (l->n_others > 0)
        uv_close((uv_handle_t *)&l->others[--l->n_others].uv, NULL);
}

int loop_close(struct loop *l)
{
    if (!l)
        return 0;
    close_signals(l);
    uv_close((uv_handle_t *)&l->idle, NULL);
    uv_close((uv_handle_t *)&l->check, NULL);
    /* Close callbacks of everything that was closed run here; nothing else may be left. */
    for (int i = 0; i < 8 && uv_loop_alive(&l->uv); i++)
        (void)uv_run(&l->uv, UV_RUN_NOWAIT);
    if (uv_loop_close(&l->uv) != 0)
        return -EBUSY;
    mem_free(l);
    return 0;
}

int loop_run(struct loop *l)
{
    (void)uv_run(&l->uv, UV_RUN_DEFAULT);
    return 0;
}

void loop_stop(struct loop *l)
{
    uv_stop(&l->uv);
}

int64_t loop_now_ms(struct loop *l)
{
    return (int64_t)uv_now(&l->uv);
}

uv_loop_t *loop_uv(struct loop *l)
{
    return &l->uv;
}

static void on_uv_signal(uv_signal_t *h, int signum)
{
    struct loop *l = h->data;

    l->on_signal(l->signal_ctx, signum);
}

int loop_on_stop_signal(struct loop *l, void (*fn)(void *ctx, int signum), void *ctx)
{
    static const int signums[] = { SIGTERM, SIGINT };

    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGUSR1, SIG_IGN); /* of habit: nothing is rotated or dumped here */
    (void)signal(SIGUSR2, SIG_IGN);
    l->on_signal = fn;
    l->signal_ctx = ctx;
    l->has_signals = true;
    for (size_t i = 0; i < ARRAY_LEN(signums); i++) {
        int r = uv_signal_init(&l->uv, &l->signals[i]);

        l->signals[i].data = l;
        if (r == 0)
            r = uv_signal_start(&l->signals[i], on_uv_signal, signums[i]);
        if (r != 0)
            return r;
        uv_unref((uv_handle_t *)&l->signals[i]); /* waiting for a signal keeps nothing alive */
    }
    return 0;
}

static void on_other_signal(uv_signal_t *h, int signum)
{
    struct other_signal *o = container_of(h, struct other_signal, uv);

    o->fn(o->ctx, signum);
}

int loop_on_signal(struct loop *l, int signum, void (*fn)(void *ctx, int signum), void *ctx)
{
    struct other_signal *o = &l->others[l->n_others];
    int r;

    if (l->n_others == LOOP_SIGNALS_MAX)
        return -ENOSPC;
    r = uv_signal_init(&l->uv, &o->uv);
    if (r != 0)
        return r;
    l->n_others++;
    o->fn = fn;
    o->ctx = ctx;
    r = uv_signal_start(&o->uv, on_other_signal, signum);
    uv_unref((uv_handle_t *)&o->uv);
    return r;
}

/* ---- timers ---------------------------------------------------------------------------------- */

int timer_open(struct loop *l, timer_fn fn, void *ctx, struct timer **ret)
{
    struct timer *t = mem_zalloc(sizeof *t);
    int r = t ? uv_timer_init(&l->uv, &t->uv) : -ENOMEM;

    if (r != 0) {
        mem_free(t);
        return r;
    }
    t->loop = l;
    list_init(&t->in_soon);
    t->fn = fn;
    t->ctx = ctx;
    *ret = t;
    return 0;
}

static void on_uv_timer(uv_timer_t *h)
{
    struct timer *t = container_of(h, struct timer, uv);
    struct loop *l = t->loop;

    l->in_timer = true;
    t->fn(t->ctx);
    l->in_timer = false;
}

static void on_idle(uv_idle_t *h)
{
    (void)h;
}

static void on_check(uv_check_t *h)
{
    struct loop *l = container_of(h, struct loop, check);
    struct list now;
    struct list *it;

    list_init(&now);
    list_splice(&now, &l->soon);
    (void)uv_idle_stop(&l->idle);
    (void)uv_check_stop(&l->check);
    while ((it = list_pop(&now))) {
        struct timer *t = container_of(it, struct timer, in_soon);

        t->fn(t->ctx);
    }
}

/* libuv 1.44 runs a timer that is started with 0 by a timer's callback before it looks at any descriptor: one
 * that goes on like this starves everything else. */
static void start_soon(struct timer *t)
{
    (void)uv_timer_stop(&t->uv);
    list_append(&t->loop->soon, &t->in_soon);
    (void)uv_idle_start(&t->loop->idle, on_idle);
    (void)uv_check_start(&t->loop->check, on_check);
}

void timer_start(struct timer *t, int64_t after_ms)
{
    if (uv_is_closing((uv_handle_t *)&t->uv))
        return;
    list_remove(&t->in_soon);
    if (after_ms <= 0 && t->loop->in_timer)
        start_soon(t);
    else
        (void)uv_timer_start(&t->uv, on_uv_timer, after_ms > 0 ? (uint64_t)after_ms : 0, 0);
}

void timer_stop(struct timer *t)
{
    if (!t)
        return;
    list_remove(&t->in_soon);
    (void)uv_timer_stop(&t->uv);
}

void timer_close(struct timer *t)
{
    if (!t)
        return;
    list_remove(&t->in_soon);
    close_handle((uv_handle_t *)&t->uv);
}

/* ---- wake-ups, descriptors, a thread --------------------------------------------------------- */

static void on_uv_async(uv_async_t *h)
{
    struct wakeup *w = container_of(h, struct wakeup, uv);

    if (!uv_is_closing((uv_handle_t *)h))
        w->fn(w->ctx);
}

int wakeup_open(struct loop *l, void (*fn)(void *ctx), void *ctx, struct wakeup **ret)
{
    struct wakeup *w = mem_zalloc(sizeof *w);
    int r = w ? uv_async_init(&l->uv, &w->uv, on_uv_async) : -ENOMEM;

    if (r != 0) {
        mem_free(w);
        return r;
    }
    w->fn = fn;
    w->ctx = ctx;
    *ret = w;
    return 0;
}

void wakeup_send(struct wakeup *w)
{
    (void)uv_async_send(&w->uv);
}

void wakeup_close(struct wakeup *w)
{
    if (w)
        close_handle((uv_handle_t *)&w->uv);
}

static void on_uv_poll(uv_poll_t *h, int status, int events)
{
    struct poll_fd *p = container_of(h, struct poll_fd, uv);

    p->fn(p->ctx);
}

int poll_fd_open(struct loop *l, int fd, void (*fn)(void *ctx), void *ctx, struct poll_fd **ret)
{
    struct poll_fd *p = mem_zalloc(sizeof *p);
    int r = p ? uv_poll_init(&l->uv, &p->uv, fd) : -ENOMEM;

    if (r != 0) {
        mem_free(p);
        return r;
    }
    p->fn = fn;
    p->ctx = ctx;
    r = uv_poll_start(&p->uv, UV_READABLE, on_uv_poll);
    if (r != 0) {
        close_handle((uv_handle_t *)&p->uv);
        return r;
    }
    *ret = p;
    return 0;
}

void poll_fd_close(struct poll_fd *p)
{
    if (!p)
        return;
    (void)uv_poll_stop(&p->uv);
    close_handle((uv_handle_t *)&p->uv);
}

static void thread_main(void *ctx)
{
    struct thread *t = ctx;

    t->fn(t->ctx);
}

int thread_start(void (*fn)(void *ctx), void *ctx, struct thread **ret)
{
    struct thread *t = mem_zalloc(sizeof *t);
    int r = t ? 0 : -ENOMEM;

    if (r == 0) {
        t->fn = fn;
        t->ctx = ctx;
        r = uv_thread_create(&t->uv, thread_main, t);
    }
    if (r != 0) {
        mem_free(t);
        return r;
    }
    *ret = t;
    return 0;
}

void thread_join(struct thread *t)
{
    if (!t)
        return;
    (void)uv_thread_join(&t->uv);
    mem_free(t);
}
