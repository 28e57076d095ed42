/*
 * Which events of the log are done with, as far as one destination has read: all up to the floor, and above
 * it one bit for each. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/text.h"

/* How far reading may be ahead of the floor. What is not done for longer than that gets a row in forward.db,
 * and the floor moves on. */
#define WINDOW_SEQS 65536

struct window {
    int64_t floor; /* -1: not begun */
    int64_t top;   /* newest seq that is set; floor: none */
    uint8_t bits[WINDOW_SEQS / 8];
};

void window_init(struct window *w, int64_t floor);
/* As it was packed. */
void window_load(struct window *w, int64_t floor, struct str packed);
bool window_has(const struct window *w, int64_t seq);
/* seq is done with: at most floor + WINDOW_SEQS - 8. */
void window_set(struct window *w, int64_t seq);
/* All up to seq is done with, whatever stood there. */
void window_jump(struct window *w, int64_t seq);
bool window_fits(const struct window *w, int64_t seq);
bool window_reaches(int64_t floor, int64_t seq); /* … one with this floor */
/* Appends the bits above the floor: byte 0 is that of seq (floor + 1) / 8. */
void window_pack(const struct window *w, struct buf *out);
