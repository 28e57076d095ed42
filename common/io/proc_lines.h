/*
 * Running one program whose output is wanted line by line. Unlike proc_run() it gets our whole environment: the program is
 * one of ours and needs the same settings.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/text.h"
#include "common/io/loop.h"

struct proc_lines;

/* A QR code as PNG in base64, and the rest of the line. A longer line is cut. */
#define PROC_LINE_MAX (512 * 1024)

struct proc_lines_spec {
    const char *const *argv; /* argv[0] is a path */
    int64_t timeout_ms;      /* killed after it */
    /* A line of its stdout, without its end; it lives until the callback returns. */
    void (*on_line)(void *ctx, struct str line);
    /* Once, never before proc_lines_start() has returned: the exit status, -ETIMEDOUT, or -EINTR when a signal ended it; and
     * the last line of its stderr. */
    void (*on_exit)(void *ctx, int status, const char *last_error);
    void *ctx;
};

/* Returns 0 or -errno (ENOENT, EACCES: it cannot be run). */
int proc_lines_start(struct loop *l, const struct proc_lines_spec *spec, struct proc_lines **ret);
/* Ends it now; nothing is called any more. NULL is nothing. */
void proc_lines_stop(struct proc_lines *p);
