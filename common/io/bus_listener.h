/*
 * A listening address of the hub and the peers that dialled it: SP, the protocol of nng's sockets, over nng's
 * byte streams (tcp, tls+tcp, ipc), on the loop.
 *
 * Why not nng's own sockets: a PUB socket of nng 1.5.2 counts the backlog of a subscriber in messages, not in
 * bytes, says nothing of one that is slow, and cannot cut it. A SUB socket takes every message of a
 * publisher, as fast as it comes. Here a subscriber has a limit in bytes, and a publisher is read only as
 * fast as its messages are passed on.
 *
 * nng's threads complete the operations; the completions are handled in the loop's thread, in order.
 */
#pragma once

#include "common/io/bus_outbox.h"
#include "common/io/loop.h"

/* SP's numbers of the two kinds of sockets. */
#define BUS_SP_PUB 0x20
#define BUS_SP_SUB 0x21

/* More connections than this on one address are a mistake or an attack: the newest is closed at once. */
#define BUS_PEERS_MAX 512
/* All that the publishers of one address may have sent of messages that are not whole yet. */
#define BUS_INBOX_BYTES_MAX ((size_t)32 * 1024 * 1024)

struct bus_listener;

enum bus_refusal {
    BUS_REFUSED_SLOW,      /* a subscriber that did not read */
    BUS_REFUSED_MALFORMED, /* an empty or malformed message, or not this protocol */
    BUS_REFUSED_TOO_MANY,  /* BUS_PEERS_MAX, or BUS_INBOX_BYTES_MAX */
    BUS_REFUSALS
};

struct bus_listener_spec {
    const char *url;
    /* for subscribers: one write to a socket carries so much, unless a message is larger */
    size_t block_bytes;
    /* A peer is a publisher when this is set, a subscriber otherwise. Returns false when the message is
     * malformed: the peer is closed. */
    bool (*on_message)(void *ctx, struct str message);
    /* Fires once after all messages that had come: their time to be sent on. */
    void (*on_turn)(void *ctx);
    void *ctx;
};

/* Returns 0, -EADDRINUSE, -EACCES, -EINVAL (no such address), -ENOMEM, or another errno. */
int bus_listener_open(struct loop *l, const struct bus_listener_spec *spec, struct bus_listener **ret);
void bus_listener_close(struct bus_listener *l); /* NULL is nothing */

/* For subscribers: messages added here go to all of them after bus_listener_send(). */
struct bus_outbox *bus_listener_outbox(struct bus_listener *l);
void bus_listener_send(struct bus_listener *l);
/* Closes the subscriber that is furthest behind. */
void bus_listener_cut_slowest(struct bus_listener *l);

int bus_listener_peers(const struct bus_listener *l); /* that speak the protocol */
/* Peers that were closed for this reason, since the start. */
int64_t bus_listener_refused(const struct bus_listener *l, enum bus_refusal why);
