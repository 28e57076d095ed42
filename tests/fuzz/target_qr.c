/* A QR code as a bridge sends it: a data URL, base64, the text itself, or the bytes of a PNG. */
#include "common/base/buf.h"
#include "common/qr/qr.h"
#include "tests/fuzz/input.h"

static void draw(const struct qr *qr)
{
    struct buf out = BUF_INIT(1024 * 1024);

    MUST(qr->side >= 21 && qr->side <= QR_SIDE_MAX);
    MUST(qr_draw(qr, false, &out) > 0);
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct qr qr;

    if (qr_from_png(data, n, &qr) == 0)
        draw(&qr);
    if (qr_read((struct str){ (const char *)data, n }, &qr) == 0)
        draw(&qr);
    return 0;
}
