/* QR codes: the drawing is the bridge's code, and a picture without a code is refused. */
#include "fixture.h"

#include <errno.h>
#include <png.h>

#include "common/base/json_in.h"
#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/qr/qr.h"

static const struct str TEXT = STR_LIT("2@Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4,abc,def,ghi");

/* A PNG of the code as bridges make it: so many pixels wide, with a margin in modules. */
static uint8_t *picture_of(const struct qr *qr, int pixels, int margin, uint8_t light, uint8_t dark,
                           size_t *ret_n)
{
    png_image image = { .version = PNG_IMAGE_VERSION, .format = PNG_FORMAT_GRAY };
    uint8_t *gray = mem_alloc((size_t)pixels * (size_t)pixels), *png = mem_alloc(QR_PNG_BYTES_MAX);
    png_alloc_size_t n = QR_PNG_BYTES_MAX;
    int all = qr->side + 2 * margin;

    for (int y = 0; y < pixels; y++) {
        for (int x = 0; x < pixels; x++) {
            int row = y * all / pixels - margin, column = x * all / pixels - margin;
            bool in = row >= 0 && column >= 0 && row < qr->side && column < qr->side;

            gray[y * pixels + x] = in && qr->dark[row * qr->side + column] ? dark : light;
        }
    }
    image.width = image.height = (png_uint_32)pixels;
    assert_true(png_image_write_to_memory(&image, png, &n, 0, gray, 0, NULL));
    mem_free(gray);
    *ret_n = n;
    return png;
}

static void a_picture_gives_its_code_back(void **state)
{
    static const struct {
        int pixels, margin;
        uint8_t light, dark;
    } rows[] = {
        { 256, 4, 255, 0 }, { 276, 4, 255, 0 },  { 164, 4, 255, 0 },  { 333, 1, 255, 0 },
        { 200, 0, 255, 0 }, { 256, 2, 200, 60 }, { 1000, 4, 255, 0 },
    };
    static struct qr qr, back;

    assert_int_equal(qr_encode(TEXT, &qr), 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t n;
        uint8_t *png = picture_of(&qr, rows[i].pixels, rows[i].margin, rows[i].light, rows[i].dark, &n);

        memset(&back, 0, sizeof back);
        if (qr_from_png(png, n, &back) || back.side != qr.side)
            fail_msg("row %zu: side %d, not %d", i, back.side, qr.side);
        assert_memory_equal(back.dark, qr.dark, (size_t)(qr.side * qr.side));
        mem_free(png);
    }
}

static void the_recorded_qr_is_read(void **state)
{
    static const struct json_path paths[] = { { 0, { "data", "qrCode" } } };
    static struct qr qr;
    struct fixture f = fixture_load("api-05-create");
    struct json_value v;

    assert_int_equal(json_in_find(f.body, paths, 1, &v), 0);
    assert_int_equal(qr_read(v.raw, &qr), 0);
    assert_in_range(qr.side, 21, QR_SIDE_MAX);
    v.raw.p += strlen("data:image/png;base64,");
    v.raw.n -= strlen("data:image/png;base64,");
    qr.side = 0;
    assert_int_equal(qr_read(v.raw, &qr), 0); /* the base64 alone */
    assert_in_range(qr.side, 21, QR_SIDE_MAX);
    fixture_free(&f);
}

static void a_text_is_encoded(void **state)
{
    static struct qr read, encoded;

    assert_int_equal(qr_read(TEXT, &read), 0);
    assert_int_equal(qr_encode(TEXT, &encoded), 0);
    assert_memory_equal(&read, &encoded, sizeof read);
}

static void what_is_no_code_is_refused(void **state)
{
    static char long_text[5000];
    static struct qr qr, broken;
    uint8_t *png;
    size_t n;

    memset(long_text, 'a', sizeof long_text - 1);
    assert_int_equal(qr_read(STR_LIT(""), &qr), -EINVAL);
    assert_int_equal(qr_read(str_from(long_text), &qr), -EINVAL);
    assert_int_equal(qr_read(STR_LIT("data:image/jpeg;base64,AAAA"), &qr), -EINVAL);
    assert_int_equal(qr_read(STR_LIT("data:image/png;base64,!!"), &qr), -EINVAL);
    assert_int_equal(qr_read(STR_LIT("data:image/png;base64,AAAA"), &qr), -EINVAL);
    assert_int_equal(qr.side, 0);

    assert_int_equal(qr_encode(TEXT, &broken), 0);
    broken.dark[2 * broken.side + 2] ^= 1; /* the middle of a finder */
    png = picture_of(&broken, 256, 4, 255, 0, &n);
    assert_int_equal(qr_from_png(png, n, &qr), -EINVAL);
    assert_int_equal(qr_from_png(png, n / 2, &qr), -EINVAL); /* cut off */
    mem_free(png);
    assert_int_equal(qr_encode(TEXT, &broken), 0);
    broken.dark[6 * broken.side + 10] ^= 1; /* a timing line */
    png = picture_of(&broken, 256, 4, 255, 0, &n);
    assert_int_equal(qr_from_png(png, n, &qr), -EINVAL);
    mem_free(png);
    memset(broken.dark, 0, sizeof broken.dark); /* nothing dark */
    png = picture_of(&broken, 256, 4, 255, 0, &n);
    assert_int_equal(qr_from_png(png, n, &qr), -EINVAL);
    mem_free(png);
}

static void broken_pictures_are_refused(void **state)
{
    static struct qr qr, back;
    struct rng rng;
    size_t n;
    uint8_t *png, *copy;

    assert_int_equal(qr_encode(TEXT, &qr), 0);
    png = picture_of(&qr, 256, 4, 255, 0, &n);
    rng_init(&rng, 3);
    for (int i = 0; i < 2000; i++) {
        size_t m = n - (rng_below(&rng, 4) ? 0 : rng_below(&rng, n));
        int r;

        copy = memcpy(malloc(m), png, m);
        for (uint64_t k = rng_below(&rng, 3); k; k--)
            copy[rng_below(&rng, m)] = (uint8_t)rng_below(&rng, 256);
        r = qr_from_png(copy, m, &back);
        assert_true(r == 0 || r == -EINVAL);
        free(copy);
    }
    mem_free(png);
}

/* The drawing read back, module by module. */
static void a_drawing_shows_every_module(void **state)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(1 << 20);
    static struct qr qr;
    const char *p;
    int lines;

    assert_int_equal(qr_encode(TEXT, &qr), 0);
    lines = qr_draw(&qr, false, &out);
    assert_int_equal(lines, (qr.side + 2 * QR_QUIET + 1) / 2);
    p = buf_str(&out);
    for (int row = -QR_QUIET; row < qr.side + QR_QUIET; row += 2) {
        for (int column = -QR_QUIET; column < qr.side + QR_QUIET; column++) {
            bool upper = strncmp(p, "█", 3) == 0 || strncmp(p, "▀", 3) == 0;
            bool lower = strncmp(p, "█", 3) == 0 || strncmp(p, "▄", 3) == 0;
            bool in = column >= 0 && column < qr.side;

            assert_int_equal(upper, !(in && row >= 0 && row < qr.side && qr.dark[row * qr.side + column]));
            assert_int_equal(
                lower, !(in && row + 1 >= 0 && row + 1 < qr.side && qr.dark[(row + 1) * qr.side + column]));
            p += *p == ' ' ? 1 : 3;
        }
        assert_int_equal(*p++, '\n');
    }
    assert_int_equal(*p, '\0');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_picture_gives_its_code_back),
        cmocka_unit_test(the_recorded_qr_is_read),
        cmocka_unit_test(a_text_is_encoded),
        cmocka_unit_test(what_is_no_code_is_refused),
        cmocka_unit_test(broken_pictures_are_refused),
        cmocka_unit_test(a_drawing_shows_every_module),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
