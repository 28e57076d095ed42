/*
 * Which events of the log are done with, as far as one destination has read: all up to the floor, and above
 * it one bit for each. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/text.h"

/* How far reading may be ahead of the floor. An event that is unfinished for longer gets a row in forward.db,
 * and the floor moves on. */
#define ACK_WINDOW_SEQS 65536

struct ack_window {
    int64_t floor; /* -1: not begun */
    int64_t top;   /* newest seq that is set; floor: none */
    uint8_t bits[ACK_WINDOW_SEQS / 8];
};

void ack_window_init(struct ack_window *w, int64_t floor);
/* As it was packed. */
void ack_window_load(struct ack_window *w, int64_t floor, struct str packed);
bool ack_window_has(const struct ack_window *w, int64_t seq);
/* seq is done with: at most floor + ACK_WINDOW_SEQS - 8. */
void ack_window_set(struct ack_window *w, int64_t seq);
/* All events up to seq are done; the window forgets its earlier bits. */
void ack_window_jump(struct ack_window *w, int64_t seq);
bool ack_window_fits(const struct ack_window *w, int64_t seq);
bool ack_window_reaches(int64_t floor, int64_t seq); /* … one with this floor */
/* Appends the bits above the floor: byte 0 is that of seq (floor + 1) / 8. */
void ack_window_pack(const struct ack_window *w, struct buf *out);
