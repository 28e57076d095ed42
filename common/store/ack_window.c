#include "common/store/ack_window.h"

#include <string.h>

void ack_window_init(struct ack_window *w, int64_t floor)
{
    memset(w->bits, 0, sizeof w->bits);
    w->floor = w->top = floor;
}

static uint8_t *byte_of(struct ack_window *w, int64_t seq)
{
    return &w->bits[seq % ACK_WINDOW_SEQS / 8];
}

static uint8_t bit_of(int64_t seq)
{
    return (uint8_t)(1U << (seq % 8));
}

bool ack_window_has(const struct ack_window *w, int64_t seq)
{
    if (seq <= w->floor)
        return true;
    return seq <= w->top && (w->bits[seq % ACK_WINDOW_SEQS / 8] & bit_of(seq)) != 0;
}

/* A byte of the circular array is cleared when the floor leaves it: one lap later it is of other seqs. */
static void advance(struct ack_window *w)
{
    while (w->floor < w->top && (*byte_of(w, w->floor + 1) & bit_of(w->floor + 1))) {
        w->floor++;
        *byte_of(w, w->floor) &= (uint8_t)~bit_of(w->floor);
    }
}

void ack_window_set(struct ack_window *w, int64_t seq)
{
    if (seq <= w->floor)
        return;
    *byte_of(w, seq) |= bit_of(seq);
    if (seq > w->top)
        w->top = seq;
    advance(w);
}

void ack_window_jump(struct ack_window *w, int64_t seq)
{
    if (seq > w->floor)
        ack_window_init(w, seq);
}

bool ack_window_reaches(int64_t floor, int64_t seq)
{
    return seq <= floor + ACK_WINDOW_SEQS - 8;
}

bool ack_window_fits(const struct ack_window *w, int64_t seq)
{
    return ack_window_reaches(w->floor, seq);
}

void ack_window_pack(const struct ack_window *w, struct buf *out)
{
    for (int64_t base = (w->floor + 1) & ~7LL; base <= w->top; base += 8)
        (void)buf_add(out, &w->bits[base % ACK_WINDOW_SEQS / 8], 1);
}

void ack_window_load(struct ack_window *w, int64_t floor, struct str packed)
{
    ack_window_init(w, floor);
    for (size_t i = 0; i < packed.n * 8 && i < ACK_WINDOW_SEQS - 8; i++) {
        int64_t seq = ((floor + 1) & ~7LL) + (int64_t)i;

        if ((uint8_t)packed.p[i / 8] & bit_of(seq))
            ack_window_set(w, seq);
    }
}
