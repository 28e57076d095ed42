/*
 * A picture into a code, by libpng. The dark pixels of a QR code fill its square exactly: the finder patterns
 * (7 × 7 modules) sit in three of its corners and touch its edges. The run of dark pixels along the first
 * finder's edge is 7 modules wide, so side / run * 7 is the number of modules, to the nearest that exists.
 * Each module is then its middle pixel. Whether it was a QR code is checked at the finders and the timing
 * lines.
 */
#include <errno.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/qr/qr.h"

#define FINDER 7
/* Pixels darker than this are dark. */
#define DARK_BELOW 128

struct picture {
    png_bytep gray;
    int w, h;
    int left, top, right, bottom; /* of the dark pixels, the last two exclusive */
};

static bool is_dark(const struct picture *p, int x, int y)
{
    return p->gray[y * p->w + x] < DARK_BELOW;
}

/* -- the file -- */

/* On white where it is transparent. */
static int read_gray(png_image *image, struct picture *ret)
{
    const png_color white = { 255, 255, 255 };

    image->format = PNG_FORMAT_GRAY;
    if (image->width > QR_PNG_SIDE_MAX || image->height > QR_PNG_SIDE_MAX)
        return -EINVAL;
    ret->w = (int)image->width;
    ret->h = (int)image->height;
    ret->gray = mem_alloc(PNG_IMAGE_SIZE(*image));
    if (!ret->gray)
        return -ENOMEM;
    return png_image_finish_read(image, &white, ret->gray, 0, NULL) ? 0 : -EINVAL;
}

static int read_png(const uint8_t *png, size_t n, struct picture *ret)
{
    png_image image = { .version = PNG_IMAGE_VERSION };
    int r = -EINVAL;

    if (png_image_begin_read_from_memory(&image, png, n))
        r = read_gray(&image, ret);
    png_image_free(&image);
    return r;
}

/* -- the grid -- */

static int find_edges(struct picture *p)
{
    p->left = p->w;
    p->top = p->h;
    for (int y = 0; y < p->h; y++) {
        for (int x = 0; x < p->w; x++) {
            if (!is_dark(p, x, y))
                continue;
            p->left = x < p->left ? x : p->left;
            p->top = y < p->top ? y : p->top;
            p->right = x + 1 > p->right ? x + 1 : p->right;
            p->bottom = y + 1 > p->bottom ? y + 1 : p->bottom;
        }
    }
    return p->right > p->left ? 0 : -EINVAL;
}

/* The number of modules on a side: 21, 25, … 177. */
static int find_side(const struct picture *p, int *ret)
{
    int w = p->right - p->left, h = p->bottom - p->top, run = 0, side;

    while (p->left + run < p->right && is_dark(p, p->left + run, p->top))
        run++;
    if (run < FINDER)
        return -EINVAL;
    side = (w * FINDER + run / 2) / run;
    side = 21 + (side - 21 + 2) / 4 * 4;
    if (side < 21 || side > QR_SIDE_MAX || abs(w - h) * side > w)
        return -EINVAL;
    *ret = side;
    return 0;
}

static void sample(const struct picture *p, struct qr *qr)
{
    int w = p->right - p->left, h = p->bottom - p->top, n = qr->side;

    for (int row = 0; row < n; row++) {
        int y = p->top + (2 * row + 1) * h / (2 * n);

        for (int column = 0; column < n; column++)
            qr->dark[row * n + column] = is_dark(p, p->left + (2 * column + 1) * w / (2 * n), y);
    }
}

/* -- is it one? -- */

static bool has_finder(const struct qr *qr, int row, int column)
{
    for (int y = 0; y < FINDER; y++) {
        for (int x = 0; x < FINDER; x++) {
            int ring = x < y ? x : y; /* 0 on the edge, 1 light, 2 and 3 the dark middle */

            ring = FINDER - 1 - x < ring ? FINDER - 1 - x : ring;
            ring = FINDER - 1 - y < ring ? FINDER - 1 - y : ring;
            if (qr->dark[(row + y) * qr->side + column + x] != (ring != 1))
                return false;
        }
    }
    return true;
}

/* Between the finders modules alternate along row and column 6. */
static bool has_timing(const struct qr *qr)
{
    for (int i = FINDER + 1; i < qr->side - FINDER - 1; i++) {
        if (qr->dark[6 * qr->side + i] != (i % 2 == 0) || qr->dark[i * qr->side + 6] != (i % 2 == 0))
            return false;
    }
    return true;
}

static bool is_code(const struct qr *qr)
{
    int last = qr->side - FINDER;

    return has_finder(qr, 0, 0) && has_finder(qr, 0, last) && has_finder(qr, last, 0) && has_timing(qr);
}

int qr_from_png(const uint8_t *png, size_t n, struct qr *ret)
{
    struct picture p = { 0 };
    CLEANUP(mem_freep) struct qr *qr = mem_zalloc(sizeof *qr);
    int r = qr ? read_png(png, n, &p) : -ENOMEM;

    if (r == 0)
        r = find_edges(&p);
    if (r == 0)
        r = find_side(&p, &qr->side);
    if (r == 0) {
        sample(&p, qr);
        r = is_code(qr) ? 0 : -EINVAL;
    }
    if (r == 0)
        *ret = *qr;
    mem_free(p.gray);
    return r;
}
