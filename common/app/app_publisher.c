#include "common/app/app_publisher.h"

#include <errno.h>
#include <string.h>

#include "common/base/hex.h"
#include "common/base/mem.h"
#include "common/base/metrics.h"
#include "common/base/rng.h"
#include "common/io/bus.h"

/* Messages go out this long after the first of them: together, because one message of nng costs as much as twenty of
 * ours do, and after the work that the same event starts, because the wake-ups on the way through the hub
 * would share the processor with it. */
#define DELAY_MS 5
/* "msg_" and 12 random bytes: no two are the same in the life of an installation. */
#define ID_PREFIX "msg_"
#define ID_BYTES  12

static METRIC bus_dropped = {
    .name = "zapkeep_bus_dropped_total",
    .help = "Notifications that the bus did not take (no hub, or a full queue); rows are the truth, nothing "
            "is lost",
    .kind = METRIC_COUNTER,
};

struct app_publisher {
    struct bus_pub *bus;
    struct timer *timer;
    struct clock *clock;
    const char *service;
    struct buf encoded; /* one message, its memory reused */
    bool waiting;       /* the timer is set */
};

static void on_timer(void *ctx)
{
    struct app_publisher *p = ctx;

    p->waiting = false;
    metric_add(&bus_dropped, 0, bus_pub_flush(p->bus));
}

int app_publisher_open(struct loop *loop, const char *url, const char *service, struct clock *clock,
                       struct app_publisher **ret)
{
    struct app_publisher *p = mem_zalloc(sizeof *p);
    int r;

    if (!p)
        return -ENOMEM;
    p->clock = clock;
    p->service = service;
    buf_init(&p->encoded, MESSAGE_BYTES_MAX);
    r = timer_open(loop, on_timer, p, &p->timer);
    if (r == 0)
        r = bus_pub_open(url, &p->bus);
    if (r != 0) {
        app_publisher_close(p);
        return r;
    }
    *ret = p;
    return 0;
}

void app_publisher_close(struct app_publisher *p)
{
    if (!p)
        return;
    bus_pub_close(p->bus);
    timer_close(p->timer);
    buf_fini(&p->encoded);
    mem_free(p);
}

static void new_id(char ret[sizeof ID_PREFIX + 2 * ID_BYTES])
{
    uint8_t bytes[ID_BYTES];

    rng_secret(bytes, sizeof bytes);
    memcpy(ret, ID_PREFIX, sizeof ID_PREFIX - 1);
    hex_encode(bytes, sizeof bytes, ret + sizeof ID_PREFIX - 1);
}

void app_publisher_add(struct app_publisher *p, struct message *m)
{
    char id[sizeof ID_PREFIX + 2 * ID_BYTES];
    int dropped = 1;

    if (!m->id.p) {
        new_id(id);
        m->id = str_from(id);
    }
    if (m->at == MESSAGE_UNSET)
        m->at = p->clock->wall_ms(p->clock);
    if (!m->src.p)
        m->src = str_from(p->service);
    buf_reset(&p->encoded);
    if (message_encode(m, &p->encoded) == 0)
        dropped = bus_pub_add(p->bus, (struct str){ p->encoded.data, p->encoded.len });
    metric_add(&bus_dropped, 0, dropped);
    if (m->id.p == id)
        m->id = STR_NULL;
    if (!p->waiting)
        timer_start(p->timer, DELAY_MS);
    p->waiting = true;
}
