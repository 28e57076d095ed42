#include "common/app/store_watch.h"

#include <errno.h>

#include "common/base/mem.h"
#include "common/store/db.h"

struct store_watch {
    struct db *db;
    void (*fn)(void *ctx);
    void *ctx;
    struct poll_fd *fd; /* NULL: the connection is lost */
};

bool store_watch_came(struct store_watch *w)
{
    int r = w && w->fd ? db_notify_take(w->db) : 0;

    if (r >= 0)
        return r > 0;
    poll_fd_close(w->fd); /* it stays readable for ever */
    w->fd = NULL;
    return true;
}

bool store_watch_is_live(const struct store_watch *w)
{
    return w && w->fd;
}

static void on_readable(void *ctx)
{
    struct store_watch *w = ctx;

    if (store_watch_came(w))
        w->fn(w->ctx);
}

int store_watch_open(struct loop *l, struct db *db, void (*fn)(void *ctx), void *ctx,
                     struct store_watch **ret)
{
    struct store_watch *w;
    int fd = -1;
    int r = db_notify_fd(db, &fd);

    *ret = NULL;
    if (r != 0 || fd < 0)
        return r;
    w = mem_zalloc(sizeof *w);
    if (!w)
        return -ENOMEM;
    *w = (struct store_watch){ .db = db, .fn = fn, .ctx = ctx };
    r = poll_fd_open(l, fd, on_readable, w, &w->fd);
    if (r == 0)
        *ret = w;
    else
        mem_free(w);
    return r;
}

void store_watch_close(struct store_watch *w)
{
    if (!w)
        return;
    if (w->fd)
        poll_fd_close(w->fd);
    mem_free(w);
}
