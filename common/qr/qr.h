/*
 * QR codes for a terminal: a PNG or the text itself in, half blocks out. Pure.
 *
 * A PNG is not decoded as a QR code: its grid of modules is found and drawn again, so the code that is shown is the one that
 * the bridge made.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/text.h"

/* Modules on a side of the largest QR code there is (version 40). */
#define QR_SIDE_MAX 177
/* A picture of a QR code is some hundred pixels wide; more is not one. */
#define QR_PNG_SIDE_MAX 2048
/* A PNG of that is far below this. */
#define QR_PNG_BYTES_MAX (256 * 1024)
/* Light modules around the code; the standard asks for 4, phones are content with 2 on a terminal. */
#define QR_QUIET 2

struct qr {
    int side; /* modules: 21, 25, … 177; 0: empty */
    uint8_t dark[QR_SIDE_MAX * QR_SIDE_MAX];
};

/* The code of a text. Returns 0, -EINVAL (nothing, or too much for one code), -ENOMEM. */
int qr_encode(struct str text, struct qr *ret);
/* The code in a picture. Returns 0, -EINVAL (no PNG, or no QR code fills it), -ENOMEM. */
int qr_from_png(const uint8_t *png, size_t n, struct qr *ret);
/* The forms that bridges send: "data:image/png;base64,…", the base64 alone, or the text of the code. As above. */
int qr_read(struct str sent, struct qr *ret);

/* Appends lines of half blocks. With @ansi black and white are set, on a terminal of any colours;
 * without, it is right for light text on a dark ground. Returns the number of lines, or the buf's error. */
int qr_draw(const struct qr *qr, bool ansi, struct buf *out);
