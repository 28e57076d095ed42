/* What is wrong with the API right now. */
#include <errno.h>
#include <string.h>

#include "common/base/mem.h"
#include "tests/bridge-sim/sim.h"

/* Calls held at once (hanging or slow). */
#define HELD_MAX 16384

struct held {
    struct list in_fault;
    struct sim_fault *fault;
    struct http_req *req;
    struct timer *timer;
    void (*done)(void *ctx, struct http_req *r);
    void *ctx;
};

struct sim_fault {
    struct sim *sim;
    enum fault_kind kind;
    int64_t n, count;
    char route[128];
    struct list held;
    int n_held;
};

int fault_open(struct sim *s, struct sim_fault **ret)
{
    struct sim_fault *f = mem_zalloc(sizeof *f);

    if (!f)
        return -ENOMEM;
    f->sim = s;
    list_init(&f->held);
    *ret = f;
    return 0;
}

static void free_held(struct held *h)
{
    list_remove(&h->in_fault);
    h->fault->n_held--;
    timer_close(h->timer);
    mem_free(h);
}

void fault_forget(struct sim_fault *f)
{
    LIST_FOR(it, &f->held)
    {
        free_held(container_of(it, struct held, in_fault));
    }
}

void fault_close(struct sim_fault *f)
{
    if (!f)
        return;
    fault_forget(f);
    mem_free(f);
}

static void let_go(struct held *h)
{
    void (*done)(void *ctx, struct http_req *r) = h->done;
    void *ctx = h->ctx;
    struct http_req *req = h->req;

    free_held(h);
    done(ctx, req);
}

static void on_held_timer(void *ctx)
{
    let_go(ctx);
}

void fault_set(struct sim_fault *f, enum fault_kind kind, int64_t n, const char *route, int64_t count)
{
    f->kind = kind;
    f->n = n;
    f->count = count;
    strncpy(f->route, route, sizeof f->route - 1);
    f->route[sizeof f->route - 1] = '\0';
    LIST_FOR(it, &f->held) /* what hung under the old fault goes on now */
    {
        let_go(container_of(it, struct held, in_fault));
    }
}

static bool hold(struct sim_fault *f, struct http_req *r, int64_t ms,
                 void (*done)(void *ctx, struct http_req *r), void *ctx)
{
    struct held *h = f->n_held < HELD_MAX ? mem_zalloc(sizeof *h) : NULL;

    if (!h || timer_open(app_loop(f->sim->app), on_held_timer, h, &h->timer) != 0) {
        mem_free(h);
        return false;
    }
    h->fault = f;
    h->req = r;
    h->done = done;
    h->ctx = ctx;
    list_append(&f->held, &h->in_fault);
    f->n_held++;
    if (ms >= 0)
        timer_start(h->timer, ms);
    return true;
}

bool fault_takes(struct sim_fault *f, struct http_req *r, void (*done)(void *ctx, struct http_req *r),
                 void *ctx)
{
    static const struct str half = { "{\"status\":\"success\",\"data\":[{\"id\":\"", 34 };

    if (f->kind == FAULT_NONE || f->count == 0 || !str_starts(http_req_path(r), f->route))
        return false;
    if (f->count > 0)
        f->count--;
    switch (f->kind) {
    case FAULT_HANG:
        return hold(f, r, -1, done, ctx);
    case FAULT_SLOW:
        return hold(f, r, f->n, done, ctx);
    case FAULT_STATUS:
        http_respond_error(r, (int)f->n, "Internal Server Error", "told to by the control port", NULL);
        return true;
    case FAULT_GARBAGE:
        http_respond(r, 200, "application/json; charset=utf-8", STR_LIT("<html>{{{ not JSON"), NULL);
        return true;
    case FAULT_CUT:
        http_respond_cut(r, 200, "application/json; charset=utf-8", half);
        return true;
    case FAULT_NONE:
        break;
    }
    return false;
}
