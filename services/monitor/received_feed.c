#include "services/monitor/received_feed.h"

#include <errno.h>

#include "common/base/mem.h"
#include "common/store/events.h"
#include "common/store/store.h"

struct target {
    const char *bridge;
    void (*fn)(void *ctx, struct str session, int64_t at);
    void *ctx;
};

struct received_feed {
    const struct monitor_context *m;
    struct target targets[BRIDGES_MAX];
    int n, last;              /* the target of the row before: rows come bridge by bridge */
    struct event_reader *log; /* NULL: events.db is not there, or cannot be read now */
    int64_t next_seq;         /* 0: from the end of the log, as it is when it is opened */
};

static const struct target *find(struct received_feed *f, struct str bridge)
{
    if (f->last < f->n && str_eq(bridge, f->targets[f->last].bridge))
        return &f->targets[f->last];
    for (f->last = 0; f->last < f->n; f->last++) {
        if (str_eq(bridge, f->targets[f->last].bridge))
            return &f->targets[f->last];
    }
    return NULL;
}

/* A bridge that is not watched is in the log, too. */
static int on_session(void *ctx, struct str bridge, struct str session, int64_t at)
{
    const struct target *t = find(ctx, bridge);

    if (t)
        t->fn(t->ctx, session, at);
    return 0;
}

static void close_log(struct received_feed *f)
{
    event_reader_close(f->log);
    f->log = NULL;
}

/* Returns 0 or -errno. */
static int open_log(struct received_feed *f)
{
    int64_t oldest, head = 0;
    int r;

    if (f->log && event_reader_is_stale(f->log)) {
        close_log(f);
        f->next_seq = 0;
    }
    r = f->log ? 0 : event_reader_open(app_store(&f->m->settings->app), &f->log);
    if (r != 0 || f->next_seq > 0)
        return r;
    r = event_bounds(f->log, &oldest, &head);
    f->next_seq = r == 0 ? head + 1 : 0;
    return r;
}

bool received_feed_read(struct received_feed *f)
{
    int r = open_log(f);
    int64_t from = 0;

    while (r == 0 && from != f->next_seq) {
        from = f->next_seq;
        r = event_last_received(f->log, from, on_session, f, &f->next_seq);
    }
    if (r != 0)
        close_log(f);
    return r == 0;
}

int received_feed_add(struct received_feed *f, const char *bridge,
                      void (*fn)(void *ctx, struct str session, int64_t at), void *ctx)
{
    if (f->n == BRIDGES_MAX)
        return -ENOSPC;
    f->targets[f->n++] = (struct target){ bridge, fn, ctx };
    return 0;
}

void received_feed_remove(struct received_feed *f, const void *ctx)
{
    for (int i = 0; i < f->n; i++) {
        if (f->targets[i].ctx != ctx)
            continue;
        f->targets[i] = f->targets[--f->n];
        return;
    }
}

int received_feed_open(const struct monitor_context *m, struct received_feed **ret)
{
    struct received_feed *f = mem_zalloc(sizeof *f);

    if (!f)
        return -ENOMEM;
    f->m = m;
    *ret = f;
    return 0;
}

void received_feed_close(struct received_feed *f)
{
    if (!f)
        return;
    close_log(f);
    mem_free(f);
}
