/*
 * A loop inside another one of the same thread: its handles are served by the outer loop as usual, and can also be
 * served alone, while the outer loop's callback waits for something (a database server that hangs). So /health answers.
 */
#pragma once

#include "common/io/loop.h"

struct inner_loop;

int inner_loop_open(struct loop *outer, struct inner_loop **ret);
/* For the handles that are opened in it; they are closed before inner_loop_close(). */
struct loop *inner_loop_of(struct inner_loop *i);
/* Readable when there is something to serve. */
int inner_loop_fd(const struct inner_loop *i);
/* Serves all that is ready, without waiting. @ctx is the struct inner_loop. Not from a callback of the inner loop itself. */
void inner_loop_serve(void *ctx);
void inner_loop_close(struct inner_loop *i); /* NULL is nothing */
