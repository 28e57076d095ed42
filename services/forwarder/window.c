#include "services/forwarder/window.h"

#include <string.h>

void window_init(struct window *w, int64_t floor)
{
    memset(w->bits, 0, sizeof w->bits);
    w->floor = w->top = floor;
}

static uint8_t *byte_of(struct window *w, int64_t seq)
{
    return &w->bits[seq % WINDOW_SEQS / 8];
}

static uint8_t bit_of(int64_t seq)
{
    return (uint8_t)(1U << (seq % 8));
}

bool window_has(const struct window *w, int64_t seq)
{
    if (seq <= w->floor)
        return true;
    return seq <= w->top && (w->bits[seq % WINDOW_SEQS / 8] & bit_of(seq)) != 0;
}

/* A byte of the ring is cleared when the floor leaves it: one lap later it is of other seqs. */
static void advance(struct window *w)
{
    while (w->floor < w->top && (*byte_of(w, w->floor + 1) & bit_of(w->floor + 1))) {
        w->floor++;
        *byte_of(w, w->floor) &= (uint8_t)~bit_of(w->floor);
    }
}

void window_set(struct window *w, int64_t seq)
{
    if (seq <= w->floor)
        return;
    *byte_of(w, seq) |= bit_of(seq);
    if (seq > w->top)
        w->top = seq;
    advance(w);
}

void window_jump(struct window *w, int64_t seq)
{
    if (seq > w->floor)
        window_init(w, seq);
}

bool window_reaches(int64_t floor, int64_t seq)
{
    return seq <= floor + WINDOW_SEQS - 8;
}

bool window_fits(const struct window *w, int64_t seq)
{
    return window_reaches(w->floor, seq);
}

void window_pack(const struct window *w, struct buf *out)
{
    for (int64_t base = (w->floor + 1) & ~7LL; base <= w->top; base += 8)
        (void)buf_add(out, &w->bits[base % WINDOW_SEQS / 8], 1);
}

void window_load(struct window *w, int64_t floor, struct str packed)
{
    window_init(w, floor);
    for (size_t i = 0; i < packed.n * 8 && i < WINDOW_SEQS - 8; i++) {
        int64_t seq = ((floor + 1) & ~7LL) + (int64_t)i;

        if ((uint8_t)packed.p[i / 8] & bit_of(seq))
            window_set(w, seq);
    }
}
