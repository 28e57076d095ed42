/*
 * Shared by the ends of the bus: nng's errors, options of a socket, its count of pipes, its
 * end. Private to bus_*.c. nng has threads of its own; their news about links reaches us through a wakeup,
 * messages through the receive descriptor of the socket.
 */
#pragma once

#include <nng/nng.h>
#include <nng/supplemental/tls/tls.h>
#include <stdatomic.h>

#include "common/base/text.h"
#include "common/io/bus.h"
#include "common/io/bus_batch.h"

/* Bytes of a batch at most: all that a service publishes in 5 ms at 50 MB/s. */
#define BUS_BATCH_BYTES (256 * 1024)
/* Messages in the queue of a socket. nng counts messages, and one has up to MESSAGE_BYTES_MAX: a peer that reads no more
 * costs 136 MiB at most. Services publish every 5 ms, so in ordinary use this is more than half a second of any load. */
#define BUS_QUEUE_MESSAGES 128

/* 0 or a negative errno of this project. */
int bus_error(int rv);
/* Queue, limits and redials of a socket; those that a kind of socket does not have are left out. */
void bus_options(nng_socket s, int queue);
/* Keeps @pipes at the number of connections; it must live until bus_close_socket(). */
void bus_count_pipes(nng_socket s, atomic_int *pipes);
/* The callback that bus_count_pipes() sets, for one who wants to do more in it. */
void bus_on_pipe(nng_pipe pipe, nng_pipe_ev ev, void *pipes);
/* An operation that is done at once or not at all, used again and again: nng_send() makes one for each
 * message, with a random number of the kernel's. Returns nng's code. */
int bus_open_aio(nng_aio **ret);
/* Without waiting: the next message, which is the caller's to free, or NULL. */
nng_msg *bus_receive(nng_socket s, nng_aio *aio);
/* Without waiting: 0 and @msg is nng's, or an error and it is freed. Returns nng's code. */
int bus_send(nng_socket s, nng_aio *aio, nng_msg *msg);
/* Dials in the background and again, with TLS where the address says so. Returns as bus_pub_open(). */
int bus_dial(nng_socket s, const char *urls);
/* For tls+tcp:// a configuration that is the caller's; NULL for other addresses. Returns 0, -EKEYREJECTED,
 * -ENOMEM. */
int bus_tls_config(const char *url, bool server, nng_tls_config **ret);
/* Returns within a second, also when nng hangs. No callback of the socket runs after that. */
void bus_close_socket(nng_socket s);
