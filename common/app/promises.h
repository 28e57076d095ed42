/*
 * A database server that keeps less than the answer 2xx promises (no fsync, a standby that may lack the newest commits) is
 * said once, by every program that uses it, as soon as the server can be asked.
 */
#pragma once

struct loop;
struct promises;

/* Asks @where, kept by reference, from the loop on. A folder has nothing to ask: *ret is NULL then. Returns 0 or -errno. */
int promises_open(struct loop *loop, const char *where, struct promises **ret);
void promises_close(struct promises *p); /* NULL is nothing */
