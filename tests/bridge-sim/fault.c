/* The faults of the API that are on now. */
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "tests/bridge-sim/sim.h"
#include "tests/http_cut.h"

/* Calls held at once (hanging or slow). */
#define HELD_MAX 16384
/* Orders at once; a test uses one or two. */
#define ORDERS_MAX 16

struct held {
    struct list in_fault;
    struct sim_fault *fault;
    int order; /* the index of its order, -1: none */
    struct http_req *req;
    struct timer *timer;
    void (*done)(void *ctx, struct http_req *r);
    void *ctx;
};

struct sim_fault {
    struct sim *sim;
    struct fault_order orders[ORDERS_MAX]; /* FAULT_NONE: a free index */
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

void fault_close(struct sim_fault *f)
{
    if (!f)
        return;
    fault_forget(f);
    mem_free(f);
}

/* ---- held calls ------------------------------------------------------------------------------ */

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

static void on_held_timer(void *ctx)
{
    struct held *h = ctx;
    struct held copy = *h;

    free_held(h);
    copy.done(copy.ctx, copy.req);
}

static bool hold(struct sim_fault *f, int order, struct http_req *r, int64_t ms,
                 void (*done)(void *ctx, struct http_req *r), void *ctx)
{
    struct held *h = f->n_held < HELD_MAX ? mem_zalloc(sizeof *h) : NULL;

    if (!h || timer_open(app_loop(f->sim->app), on_held_timer, h, &h->timer) != 0) {
        mem_free(h);
        return false;
    }
    h->fault = f;
    h->order = order;
    h->req = r;
    h->done = done;
    h->ctx = ctx;
    list_append(&f->held, &h->in_fault);
    f->n_held++;
    if (ms >= 0)
        timer_start(h->timer, ms);
    return true;
}

bool fault_holds(struct sim_fault *f, struct http_req *r, int64_t ms,
                 void (*done)(void *ctx, struct http_req *r), void *ctx)
{
    return hold(f, -1, r, ms, done, ctx);
}

int fault_held(const struct sim_fault *f)
{
    return f->n_held;
}

/* ---- orders ---------------------------------------------------------------------------------- */

static void clear(struct sim_fault *f, int order)
{
    f->orders[order].kind = FAULT_NONE;
    LIST_FOR(it, &f->held)
    {
        struct held *h = container_of(it, struct held, in_fault);

        if (h->order == order)
            on_held_timer(h);
    }
}

int fault_set(struct sim_fault *f, const struct fault_order *o)
{
    bool all = o->kind == FAULT_NONE && !o->route[0] && !o->method[0];
    int place = -1;

    for (int i = 0; i < ORDERS_MAX; i++) {
        const struct fault_order *it = &f->orders[i];

        if (it->kind != FAULT_NONE &&
            (all || (strcmp(it->route, o->route) == 0 && strcmp(it->method, o->method) == 0)))
            clear(f, i);
        if (place < 0 && it->kind == FAULT_NONE)
            place = i;
    }
    if (o->kind == FAULT_NONE)
        return 0;
    if (place < 0)
        return -ENOSPC;
    f->orders[place] = *o;
    return 0;
}

static bool concerns(const struct fault_order *o, struct http_req *r)
{
    struct str path = http_req_path(r);

    if (o->kind == FAULT_NONE || o->count == 0 || (o->method[0] && !str_eq(http_req_method(r), o->method)))
        return false;
    if (strchr(o->route, '*'))
        return fnmatch(o->route, path.p, 0) == 0;
    return str_starts(path, o->route);
}

/* ---- suffering ------------------------------------------------------------------------------- */

static bool suffer(struct sim_fault *f, int order, struct http_req *r,
                   void (*done)(void *ctx, struct http_req *r), void *ctx)
{
    static const struct str half = { "{\"status\":\"success\",\"data\":[{\"id\":\"", 34 };
    const struct fault_order *o = &f->orders[order];

    if (o->kind == FAULT_HANG || o->kind == FAULT_SLOW)
        return hold(f, order, r, o->kind == FAULT_HANG ? -1 : o->n, done, ctx);
    call_answered(f->sim, r);
    if (o->kind == FAULT_STATUS)
        http_respond_error(r, (int)o->n, "Internal Server Error", "told to by the control port", NULL);
    else if (o->kind == FAULT_GARBAGE)
        http_respond(r, 200, "application/json; charset=utf-8", STR_LIT("<html>{{{ not JSON"), NULL);
    else
        http_respond_cut(r, 200, "application/json; charset=utf-8", half);
    return true;
}

bool fault_takes(struct sim_fault *f, struct http_req *r, void (*done)(void *ctx, struct http_req *r),
                 void *ctx)
{
    for (int i = 0; i < ORDERS_MAX; i++) {
        if (!concerns(&f->orders[i], r))
            continue;
        if (f->orders[i].count > 0)
            f->orders[i].count--;
        return suffer(f, i, r, done, ctx);
    }
    return false;
}
