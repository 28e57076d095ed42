#include "common/io/inner_loop.h"

#include <errno.h>

#include "common/base/mem.h"
#include "common/io/loop_uv.h"

struct inner_loop {
    struct loop *loop;
    uv_poll_t poll;   /* of the inner loop's descriptor, in the outer loop */
    uv_timer_t timer; /* when the inner loop's next timer is due */
    bool serving;
    int n_open; /* handles in the outer loop */
};

static void on_timer(uv_timer_t *t)
{
    inner_loop_serve(t->data);
}

static void on_readable(uv_poll_t *p, int status, int events)
{
    (void)status;
    (void)events;
    inner_loop_serve(p->data);
}

void inner_loop_serve(void *ctx)
{
    struct inner_loop *i = ctx;
    int timeout_ms = -1;

    if (i->serving)
        return;
    i->serving = true;
    (void)uv_run(loop_uv(i->loop), UV_RUN_NOWAIT);
    if (uv_loop_alive(loop_uv(i->loop)))
        timeout_ms = uv_backend_timeout(loop_uv(i->loop));
    if (timeout_ms >= 0) /* never at once: libuv would run nothing but this timer */
        (void)uv_timer_start(&i->timer, on_timer, (uint64_t)timeout_ms + 1, 0);
    else
        (void)uv_timer_stop(&i->timer);
    i->serving = false;
}

int inner_loop_open(struct loop *outer, struct inner_loop **ret)
{
    struct inner_loop *i = mem_zalloc(sizeof *i);
    int r = i ? loop_open(&i->loop) : -ENOMEM;

    if (r != 0) {
        mem_free(i);
        return r;
    }
    i->poll.data = i->timer.data = i;
    (void)uv_timer_init(loop_uv(outer), &i->timer);
    r = uv_poll_init(loop_uv(outer), &i->poll, uv_backend_fd(loop_uv(i->loop)));
    if (r == 0)
        r = uv_poll_start(&i->poll, UV_READABLE, on_readable);
    i->n_open = r == 0 ? 2 : 1;
    if (r == 0)
        *ret = i;
    else
        inner_loop_close(i);
    return r;
}

struct loop *inner_loop_of(struct inner_loop *i)
{
    return i->loop;
}

int inner_loop_fd(const struct inner_loop *i)
{
    return uv_backend_fd(loop_uv(i->loop));
}

static void on_closed(uv_handle_t *h)
{
    struct inner_loop *i = h->data;

    if (--i->n_open == 0)
        mem_free(i);
}

void inner_loop_close(struct inner_loop *i)
{
    if (!i)
        return;
    if (i->n_open == 2)
        uv_close((uv_handle_t *)&i->poll, on_closed);
    uv_close((uv_handle_t *)&i->timer, on_closed);
    (void)loop_close(i->loop);
}
