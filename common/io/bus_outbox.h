/*
 * The backlog of one side of the hub: one list of blocks for all its readers, each of which stands
 * somewhere in it. Memory is that of the slowest reader alone, counted in bytes. Pure; no socket is known here.
 *
 *   blocks    [ A ][ B ][ C ] <- open, collects
 *   readers     ^slow     ^fast
 *
 * Messages are framed as nng frames them on the wire: eight bytes of length, with one byte 0x01 before them on
 * a Unix socket.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/list.h"
#include "common/base/text.h"

struct bus_block;

struct bus_outbox {
    struct list blocks; /* closed, oldest first */
    struct bus_block *open;
    struct list readers;
    int n_readers;
    size_t bytes; /* allocated for blocks */
    size_t block_bytes;
    bool unix_frames;
};

struct bus_reader {
    struct list in_outbox;
    struct bus_block *next; /* the first block it has not wholly sent; NULL: it has sent all that is closed */
    size_t sent;            /* bytes of that block */
    size_t behind;          /* bytes from there to the end of the closed blocks */
};

/* A block is closed when one more message would make it larger than @block_bytes. */
void bus_outbox_init(struct bus_outbox *o, bool unix_frames, size_t block_bytes);
void bus_outbox_fini(struct bus_outbox *o); /* its readers have left */

/* A reader gets the messages that are added from now on. It stays where it is in memory until it leaves. */
void bus_outbox_join(struct bus_outbox *o, struct bus_reader *r);
void bus_outbox_leave(struct bus_outbox *o, struct bus_reader *r);

/* Adds a message for all readers; without any it is nothing. Returns 0 or -ENOMEM (the message is lost). */
int bus_outbox_add(struct bus_outbox *o, struct str message);
/* Gives the added messages to the readers: to be called once a pass of the loop, not for each message. */
void bus_outbox_close_block(struct bus_outbox *o);

/* The rest of the block that the reader has to send next, STR_NULL: none. It lives until bus_outbox_sent(). */
struct str bus_outbox_peek(const struct bus_reader *r);
/* The reader has sent @n of those bytes. */
void bus_outbox_sent(struct bus_outbox *o, struct bus_reader *r, size_t n);

/* The reader that is furthest behind, NULL: there is none. */
struct bus_reader *bus_outbox_slowest(const struct bus_outbox *o);
