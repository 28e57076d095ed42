/*
 * A server that gives every connection the same bytes and then its end, on a Unix socket: for the readers of
 * answers that come over HTTP. It runs between two iterations of the loop under test.
 */
#pragma once

#include <stdbool.h>

#include "common/base/text.h"
#include "common/io/loop.h"

struct answerer {
    struct loop *loop;
    char dir[32], path[48];
    int listener;
};

/* Makes the loop too. The folder is removed by answerer_close(). */
void answerer_open(struct answerer *a);
void answerer_close(struct answerer *a);

/* Runs the loop and answers each connection with @bytes, in the pieces between two 0x1e, until *@done. */
void answerer_run(struct answerer *a, struct str bytes, const bool *done);
