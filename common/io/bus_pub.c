/*
 * The publisher's end. Messages that are added go into a batch, which is one message to nng: nng's cost is
 * per message and, with its threads, many times that of copying one.
 */
#include <errno.h>
#include <nng/nng.h>
#include <nng/protocol/pubsub0/pub.h>
#include <nng/supplemental/util/platform.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/io/bus_nng.h"

/* bus_pub_close() waits this long for the queue. */
#define FLUSH_MS 100

struct bus_pub {
    nng_socket socket;
    nng_aio *send;
    atomic_int pipes;
    int n; /* messages in the batch */
    size_t len;
    char batch[BUS_BATCH_BYTES];
};

int bus_pub_open(const char *url, struct bus_pub **ret)
{
    struct bus_pub *p = mem_zalloc(sizeof *p);
    int r = p ? bus_error(nng_pub0_open(&p->socket)) : -ENOMEM;

    if (r != 0) {
        mem_free(p);
        return r;
    }
    bus_options(p->socket, BUS_QUEUE_MESSAGES);
    bus_count_pipes(p->socket, &p->pipes);
    r = bus_error(bus_open_aio(&p->send));
    if (r == 0)
        r = bus_dial(p->socket, url);
    if (r != 0) {
        bus_pub_close(p);
        return r;
    }
    *ret = p;
    return 0;
}

void bus_pub_close(struct bus_pub *p)
{
    if (!p)
        return;
    if (bus_pub_connected(p)) {
        (void)bus_pub_flush(p);
        nng_msleep(FLUSH_MS);
    }
    bus_close_socket(p->socket);
    nng_aio_free(p->send);
    mem_free(p);
}

bool bus_pub_connected(const struct bus_pub *p)
{
    return atomic_load(&p->pipes) > 0;
}

static int send_bytes(struct bus_pub *p, const char *bytes, size_t n)
{
    nng_msg *msg;
    int rv;

    if (!bus_pub_connected(p))
        return -EAGAIN;
    rv = nng_msg_alloc(&msg, n);
    if (rv != 0)
        return bus_error(rv);
    memcpy(nng_msg_body(msg), bytes, n);
    return bus_error(bus_send(p->socket, p->send, msg));
}

int bus_pub_flush(struct bus_pub *p)
{
    /* One alone goes out as it is. */
    size_t skip = p->n == 1 ? 1 + 4 : 0;
    int lost = p->n;

    if (lost == 0)
        return 0;
    if (send_bytes(p, p->batch + skip, p->len - skip) == 0)
        lost = 0;
    p->n = 0;
    return lost;
}

static void put(struct bus_pub *p, struct str message)
{
    const uint8_t length[4] = { (uint8_t)(message.n >> 24), (uint8_t)(message.n >> 16),
                                (uint8_t)(message.n >> 8), (uint8_t)message.n };

    if (p->n == 0) {
        p->batch[0] = BUS_BATCH;
        p->len = 1;
    }
    memcpy(p->batch + p->len, length, sizeof length);
    memcpy(p->batch + p->len + sizeof length, message.p, message.n);
    p->len += sizeof length + message.n;
    p->n++;
}

int bus_pub_add(struct bus_pub *p, struct str message)
{
    bool large = 1 + 4 + message.n > sizeof p->batch;
    int lost = 0;

    if (large || (p->n > 0 && p->len + 4 + message.n > sizeof p->batch))
        lost = bus_pub_flush(p);
    if (!large)
        put(p, message);
    else if (send_bytes(p, message.p, message.n) != 0)
        lost++;
    return lost;
}

int bus_pub_send(struct bus_pub *p, struct str message)
{
    int lost = bus_pub_flush(p);

    return send_bytes(p, message.p, message.n) == 0 ? lost : lost + 1;
}
