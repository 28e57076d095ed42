/* common/io/file_watch.h: the simulated disk and the wrapped futimens() report each change of a file. */
#include "common/io/file_watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "tests/sim/io/file_watch_sim.h"
#include "tests/sim/io/loop_sim.h"

bool file_watch_sim_silent;

struct file_watch {
    struct ready ready;
    char path[256];
    enum file_watch_what what;
    bool closed;
    void (*fn)(void *ctx);
    void *ctx;
    struct file_watch *next;
};

static struct file_watch *watches;

static void on_ready(struct ready *r)
{
    struct file_watch *w = container_of(r, struct file_watch, ready);

    w->fn(w->ctx);
}

int file_watch_open(struct loop *l, const char *dir, const char *file, enum file_watch_what what,
                    void (*fn)(void *ctx), void *ctx, struct file_watch **ret)
{
    struct file_watch *w = calloc(1, sizeof *w);

    if (!w)
        abort();
    ready_init(&w->ready, l, on_ready);
    (void)snprintf(w->path, sizeof w->path, "%s/%s", dir, file);
    w->what = what;
    w->fn = fn;
    w->ctx = ctx;
    w->next = watches;
    watches = w;
    *ret = w;
    return 0;
}

void file_watch_close(struct file_watch *w)
{
    if (!w)
        return;
    ready_cancel(&w->ready);
    w->closed = true;
}

static void on_event(void *ctx, int64_t a)
{
    struct file_watch *w = ctx;

    if (!w->closed)
        ready_post(&w->ready);
}

void file_watch_sim_happened(const char *path, enum file_watch_what what)
{
    for (struct file_watch *w = watches; w && !file_watch_sim_silent; w = w->next)
        if (!w->closed && w->what == what && strcmp(w->path, path) == 0)
            world_at(world_now(), on_event, w, 0);
}
