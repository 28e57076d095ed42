/* A code as lines of half blocks: two rows of modules to a line, because characters are twice as high. */
#include "common/qr/qr.h"

/* White letters on black, and back. The light modules are the letters. */
#define ANSI_ON  "\033[40;97m"
#define ANSI_OFF "\033[0m"

static bool is_light(const struct qr *qr, int row, int column)
{
    if (row < 0 || column < 0 || row >= qr->side || column >= qr->side)
        return true;
    return !qr->dark[row * qr->side + column];
}

/* The character for a light or dark upper and lower half. */
static const char *block(bool upper, bool lower)
{
    if (upper)
        return lower ? "█" : "▀";
    return lower ? "▄" : " ";
}

int qr_draw(const struct qr *qr, bool ansi, struct buf *out)
{
    int lines = 0;

    for (int row = -QR_QUIET; row < qr->side + QR_QUIET; row += 2) {
        (void)buf_adds(out, ansi ? ANSI_ON : "");
        for (int column = -QR_QUIET; column < qr->side + QR_QUIET; column++)
            (void)buf_adds(out, block(is_light(qr, row, column), is_light(qr, row + 1, column)));
        (void)buf_adds(out, ansi ? ANSI_OFF "\n" : "\n");
        lines++;
    }
    return buf_error(out) ? buf_error(out) : lines;
}
