/* Text into a code, by libqrencode; and telling a text from a picture. */
#include <errno.h>
#include <qrencode.h>
#include <string.h>

#include "common/base/base64.h"
#include "common/base/mem.h"
#include "common/qr/qr.h"

/* Longest text that fits a QR code at the lowest correction level. */
#define TEXT_MAX 2953

/* How a PNG begins in base64. */
#define PNG_BASE64 "iVBORw0KGgo"
#define DATA_URL   "data:image/png;base64,"

int qr_encode(struct str text, struct qr *ret)
{
    QRcode *code;

    if (text.n == 0 || text.n > TEXT_MAX)
        return -EINVAL;
    code = QRcode_encodeData((int)text.n, (const unsigned char *)text.p, 0, QR_ECLEVEL_L);
    if (!code)
        return errno == ENOMEM ? -ENOMEM : -EINVAL;
    ret->side = code->width;
    for (int i = 0; i < code->width * code->width; i++)
        ret->dark[i] = code->data[i] & 1; /* the other bits are the purpose of the module */
    QRcode_free(code);
    return 0;
}

int qr_read(struct str sent, struct qr *ret)
{
    CLEANUP(mem_freep) uint8_t *png = NULL;
    size_t n;

    if (str_starts(sent, DATA_URL)) {
        sent.p += sizeof DATA_URL - 1;
        sent.n -= sizeof DATA_URL - 1;
    } else if (!str_starts(sent, PNG_BASE64)) {
        return str_starts(sent, "data:") ? -EINVAL : qr_encode(sent, ret);
    }
    png = mem_alloc(QR_PNG_BYTES_MAX);
    if (!png)
        return -ENOMEM;
    if (base64_decode(sent, png, QR_PNG_BYTES_MAX, &n))
        return -EINVAL;
    return qr_from_png(png, n, ret);
}
