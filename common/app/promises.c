#include "common/app/promises.h"

#include <errno.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/io/loop.h"
#include "common/store/store.h"

/* The start itself goes first; a server that is away is asked again. */
#define FIRST_MS 500
#define AGAIN_MS 30000

struct promises {
    const char *where;
    struct timer *timer;
};

static int on_line(void *ctx, const char *name, const char *value, const char *problem)
{
    (void)ctx;
    if (*problem)
        log_warn("store-promise",
                 "the database server keeps less than the answer 2xx promises; zapkeep store status shows "
                 "all of it",
                 KS("setting", name), KS("value", value), KS("error", problem));
    return 0;
}

static void on_timer(void *ctx)
{
    struct promises *p = ctx;

    if (store_report(p->where, STORE_REPORT_PROMISES, on_line, p) != 0)
        timer_start(p->timer, AGAIN_MS);
}

int promises_open(struct loop *loop, const char *where, struct promises **ret)
{
    struct promises *p;
    int r;

    *ret = NULL;
    if (!store_is_server(where))
        return 0;
    p = mem_zalloc(sizeof *p);
    if (!p)
        return -ENOMEM;
    p->where = where;
    r = timer_open(loop, on_timer, p, &p->timer);
    if (r != 0) {
        mem_free(p);
        return r;
    }
    timer_start(p->timer, FIRST_MS);
    *ret = p;
    return 0;
}

void promises_close(struct promises *p)
{
    if (!p)
        return;
    timer_close(p->timer);
    mem_free(p);
}
