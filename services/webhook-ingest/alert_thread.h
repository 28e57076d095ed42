/*
 * The thread that writes webhook-ingest's own alerts into a database server. The loop answers webhooks and must not wait for a server that
 * hangs, and the commit thread must not wait for the lock that the state's transactions share. With a store of files there is
 * no such thread: the loop writes them itself.
 */
#pragma once

struct alert_thread;

/* @pass runs in the thread, once for each poke, or for several that came while it ran. Returns 0 or -ENOMEM. */
int alert_thread_open(void (*pass)(void *ctx), void *ctx, struct alert_thread **ret);
void alert_thread_poke(struct alert_thread *t);
/* Waits until a pass that runs has ended. NULL is nothing. */
void alert_thread_close(struct alert_thread *t);
