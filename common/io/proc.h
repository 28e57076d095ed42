/*
 * Running one program (the exec: and systemd: restart hooks), bounded in time.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/io/loop.h"

struct proc;

/* argv[0] is a path or is looked up in PATH. stdout and stderr are ours; no other descriptor is inherited, and of our
 * environment only the variables that every program needs (PATH, HOME, LANG …): no setting, no secret. The
 * program leads a process group of its own, which is killed after timeout_ms. @done
 * fires once, never before proc_run() has returned, with the exit status, or -ETIMEDOUT, or -EINTR when a
 * signal ended it.
 * @env: extra "NAME=value" entries, NULL-ended, or NULL. Returns 0 or -errno (ENOENT, EACCES: it cannot be
 * run). @ret is valid until @done fires. */
int proc_run(struct loop *l, const char *const argv[], const char *const env[], int64_t timeout_ms,
             void (*done)(void *ctx, int status), void *ctx, struct proc **ret);
/* The program runs on by itself; @done does not fire. NULL is nothing. */
void proc_let_go(struct proc *p);
