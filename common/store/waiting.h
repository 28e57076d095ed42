/*
 * The things that a thread serves while it waits for a database server: a loop has its /health, its /metrics and its signals here,
 * so that they answer although a server hangs. SQLite never waits long, and does not use it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct store_waiting {
    int fd;                   /* readable when there is something to serve; -1: only by time */
    int poll_ms;              /* served at least this often */
    void (*serve)(void *ctx); /* must not call the store */
    void *ctx;
};

/* At a stop, for all threads: a call waits for a server for 2 s at most, and after one that waited in vain the others fail at
 * once. A stop has to end within 10 s. */
void store_hurry(void);
#define STORE_HURRY_MS 2000
/* How long a call may wait for the server from now on, of @limit_ms; store_waited(): it waited in vain. */
int64_t store_wait_ms(int64_t limit_ms);
void store_waited(void);

/* A call of this thread waits since then (monotonic ms), 0: none does. */
void store_waits_since(int64_t ms);
/* For what is served meanwhile: has the call waited for so long that the server seems to hang? The call itself gives up later. */
bool store_hangs(void);
/* An answer takes milliseconds; one that waits for a lock is given up by the server after this. */
#define STORE_HANGS_MS 2000

/* Of the calling thread; NULL: nothing is served. Copied. */
void store_set_waiting(const struct store_waiting *w);
/* False: this thread serves nothing, or is at it already. */
bool store_waiting(struct store_waiting *ret);
