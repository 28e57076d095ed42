/*
 * One TCP connection of the HTTP server: bytes in, bytes out, and an orderly end. It knows no HTTP.
 *
 * Owned by its user until wire_close(); no callback fires after that, and it may be called from any of them.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "common/base/text.h"
#include "common/io/loop_uv.h"

struct wire;

struct wire_events {
    /* Bytes have come; they are gone when it returns. */
    void (*on_bytes)(void *ctx, struct str bytes);
    /* The peer sends no more: it ended (false), or the connection broke (true). Nothing comes after it. */
    void (*on_end)(void *ctx, bool broken);
    /* The rest of a wire_send() is out now, or (true) never will be. */
    void (*on_sent)(void *ctx, bool broken);
};

/* Takes the next connection from a listening socket. Returns 0 or -errno. */
int wire_accept(uv_stream_t *listener, const struct wire_events *e, void *ctx, struct wire **ret);
void wire_address(const struct wire *w, struct sockaddr_storage *ret); /* family 0: unknown */
/* Begins or goes on to read. */
void wire_read(struct wire *w);
void wire_pause(struct wire *w);

enum wire_sent {
    WIRE_SENT = 0,
    WIRE_LATER = 1, /* on_sent follows */
};
/* One at a time. Takes @bytes over (mem_free). Returns a wire_sent or -errno: the connection is broken. */
int wire_send(struct wire *w, char *bytes, size_t n);
/* No more is sent. The peer sees the end behind all that was sent. */
void wire_end(struct wire *w);
/* Closes the socket; an answer of which a part is still to be sent is cut. NULL is nothing. */
void wire_close(struct wire *w);
