#include "services/monitor/driver_detect.h"

#include <errno.h>

#include "common/base/mem.h"
#include "common/bridge/detect.h"

struct driver_detect {
    struct driver_detect_options o;
    struct detection detection;
    bool cancelled;
};

static void ask_probe(struct driver_detect *d);

static void on_probe(void *ctx, const struct http_answer *a)
{
    struct driver_detect *d = ctx;
    struct bridge_answer answer = bridge_call_answer(a);
    const struct bridge_driver *driver = NULL;
    int r;

    if (d->cancelled)
        return;
    r = detection_take(&d->detection, &answer, &driver);
    if (r == DETECT_MORE)
        ask_probe(d);
    else
        d->o.done(d->o.ctx, r, driver, a);
}

static void ask_probe(struct driver_detect *d)
{
    struct bridge_request req = BRIDGE_REQUEST_NULL;
    int r = bridge_call_send(d->o.client, detection_build(&d->detection, d->o.target, &req), &req,
                             HTTP_CALL_TIMEOUT_MS, on_probe, d);

    if (r != 0)
        d->o.done(d->o.ctx, r, NULL, NULL);
}

void driver_detect_start(struct driver_detect *d)
{
    detection_fini(&d->detection);
    detection_init(&d->detection);
    ask_probe(d);
}

void driver_detect_cancel(struct driver_detect *d)
{
    d->cancelled = true;
}

int driver_detect_open(const struct driver_detect_options *o, struct driver_detect **ret)
{
    struct driver_detect *d = mem_zalloc(sizeof *d);

    if (!d)
        return -ENOMEM;
    d->o = *o;
    *ret = d;
    return 0;
}

void driver_detect_close(struct driver_detect *d)
{
    if (!d)
        return;
    detection_fini(&d->detection);
    mem_free(d);
}
