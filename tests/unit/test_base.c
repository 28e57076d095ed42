/* Buffers, JSON out, digests, random, metrics, the stepped clock. */
#include "tests/unit/cmocka_all.h"

#include <errno.h>

#include "common/base/base64.h"
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/digest.h"
#include "common/base/err.h"
#include "common/base/hex.h"
#include "common/base/hmac.h"
#include "common/base/json_out.h"
#include "common/base/mem.h"
#include "common/base/metrics.h"
#include "common/base/rng.h"
#include "common/base/secret.h"

static void a_buffer_keeps_to_its_ceiling(void **state)
{
    CLEANUP(buf_fini) struct buf b = BUF_INIT(8);

    assert_string_equal(buf_str(&b), "");
    assert_int_equal(buf_adds(&b, "12345"), 0);
    assert_int_equal(buf_addf(&b, "%d", 6789), -EMSGSIZE);
    assert_string_equal(buf_str(&b), "12345");      /* as it was */
    assert_int_equal(buf_adds(&b, "6"), -EMSGSIZE); /* the failure sticks */
    assert_int_equal(buf_error(&b), -EMSGSIZE);
    buf_reset(&b);
    assert_int_equal(buf_adds(&b, "12345678"), 0);
    assert_int_equal(buf_add(&b, "9", 1), -EMSGSIZE);
}

static void a_buffer_says_when_memory_is_short(void **state)
{
    CLEANUP(buf_fini) struct buf b = BUF_INIT(1 << 20);
    size_t len;
    char *taken;

    mem_fail_after(0);
    assert_int_equal(buf_adds(&b, "x"), -ENOMEM);
    mem_fail_after(-1);
    buf_reset(&b);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(buf_addf(&b, "%04d", i), 0);
    assert_int_equal(b.len, 4000);
    assert_memory_equal(b.data + 3996, "0999", 5);
    taken = buf_take(&b, &len);
    assert_int_equal(len, 4000);
    assert_string_equal(buf_str(&b), "");
    mem_free(taken);
}

static void json_is_written_with_commas_and_escapes(void **state)
{
    CLEANUP(buf_fini) struct buf b = BUF_INIT(1 << 16);
    struct json_out j = JSON_OUT(&b);

    json_open(&j, NULL, '{');
    json_text(&j, "a", (struct str){ "q\"\\\n\x01\xc3\xa9\xff\x00z", 10 });
    json_int(&j, "n", -5);
    json_bool(&j, "t", true);
    json_text(&j, "null", STR_NULL);
    json_open(&j, "l", '[');
    json_int(&j, NULL, 1);
    json_texts(&j, NULL, "");
    json_open(&j, NULL, '{');
    json_close(&j, '}');
    json_close(&j, ']');
    json_raw(&j, "raw", STR_LIT("{\"x\":1}"));
    json_close(&j, '}');
    assert_string_equal(buf_str(&b),
                        "{\"a\":\"q\\\"\\\\\\n\\u0001\xc3\xa9\xef\xbf\xbd\\u0000z\",\"n\":-5,\"t\":true,"
                        "\"null\":null,\"l\":[1,\"\",{}],\"raw\":{\"x\":1}}");
}

/* A document that makes the buffer grow several times; each growth fails once. */
static void a_document_is_whole_or_an_error(void **state)
{
    long live = mem_live();
    int r = -ENOMEM;

    for (long n = 0; r != 0; n++) {
        struct buf b = BUF_INIT(1 << 16);
        struct json_out j = JSON_OUT(&b);

        mem_fail_after(n);
        json_open(&j, NULL, '[');
        for (int i = 0; i < 1000; i++)
            json_texts(&j, NULL, "\x01\xff");
        json_close(&j, ']');
        mem_fail_after(-1);
        r = buf_error(&b);
        assert_true(r == 0 || r == -ENOMEM);
        assert_true(r != 0 || b.len == 2 + 1000 * 12 - 1);
        buf_fini(&b);
        assert_int_equal(mem_live(), live);
    }
}

static void json_is_made_one_line(void **state)
{
    CLEANUP(buf_fini) struct buf b = BUF_INIT(1 << 16);

    json_compact(&b, STR_LIT("{ \"a b\" :\n [1,\t2 ], \"q\\\" \" : \" \\\\\" }\n"));
    assert_string_equal(buf_str(&b), "{\"a b\":[1,2],\"q\\\" \":\" \\\\\"}");
}

static void hex_of(const uint8_t *bytes, size_t n, char *ret)
{
    hex_encode(bytes, n, ret);
}

static void digests_are_those_of_the_standards(void **state)
{
    struct str parts[] = { STR_LIT("what do ya want "), STR_LIT("for nothing?") };
    uint8_t out[SHA512_BYTES];
    char hex[2 * SHA512_BYTES + 1];

    assert_int_equal(digest_sha256("abc", 3, out), 0); /* FIPS 180-2 */
    hex_of(out, SHA256_BYTES, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_int_equal(hmac_sha256(STR_LIT("Jefe"), parts, 2, out), 0); /* RFC 4231, case 2 */
    hex_of(out, SHA256_BYTES, hex);
    assert_string_equal(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    assert_int_equal(hmac_sha512(STR_LIT("Jefe"), parts, 2, out), 0);
    hex_of(out, SHA512_BYTES, hex);
    assert_string_equal(hex, "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
                             "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737");
}

static void secrets_are_compared_whole(void **state)
{
    assert_true(secret_equal(STR_LIT("abc"), STR_LIT("abc")));
    assert_false(secret_equal(STR_LIT("abc"), STR_LIT("abd")));
    assert_false(secret_equal(STR_LIT("abc"), STR_LIT("ab")));
    assert_false(secret_equal(STR_LIT("abc"), STR_LIT("")));
    assert_true(secret_equal(STR_LIT(""), STR_NULL));
}

static void base64_goes_both_ways(void **state)
{
    char text[32];
    uint8_t bytes[16];
    size_t n;

    for (size_t len = 0; len <= 12; len++) {
        base64_encode("\x00\xff\x10hello wor", len, text);
        assert_int_equal(base64_decode(str_from(text), bytes, sizeof bytes, &n), 0);
        assert_int_equal(n, len);
        assert_memory_equal(bytes, "\x00\xff\x10hello wor", len);
    }
    assert_int_equal(base64_decode(STR_LIT("Zm9v"), bytes, 2, &n), -EMSGSIZE);
    assert_int_equal(base64_decode(STR_LIT("Zm9vY"), bytes, sizeof bytes, &n), -EINVAL);
    assert_int_equal(base64_decode(STR_LIT("Zm*v"), bytes, sizeof bytes, &n), -EINVAL);
    assert_int_equal(hex_decode(STR_LIT("00fF"), bytes, 2), 0);
    assert_int_equal(bytes[1], 255);
    assert_int_equal(hex_decode(STR_LIT("00f"), bytes, 2), -EINVAL);
    assert_int_equal(hex_decode(STR_LIT("0g"), bytes, 1), -EINVAL);
}

static void a_seed_gives_one_run(void **state)
{
    struct rng a, b;
    int64_t seen[4] = { 0 };

    rng_init(&a, 42);
    rng_init(&b, 42);
    for (int i = 0; i < 100; i++)
        assert_true(rng_next(&a) == rng_next(&b));
    for (int i = 0; i < 4000; i++)
        seen[rng_below(&a, 4)]++;
    for (int i = 0; i < 4; i++)
        assert_in_range(seen[i], 850, 1150);
    assert_int_equal(rng_below(&a, 0), 0);
}

static void a_stepped_clock_moves_when_told(void **state)
{
    struct clock_stepped c;

    clock_stepped_init(&c, 1000000, 500, "boot");
    clock_step(&c, 250);
    assert_int_equal(c.clock.wall_ms(&c.clock), 1000250);
    assert_int_equal(c.clock.boot_ms(&c.clock), 750);
    assert_string_equal(c.clock.boot_id, "boot");
}

static void metrics_are_printed_for_prometheus(void **state)
{
    static METRIC requests = { .name = "t_requests_total",
                               .help = "requests",
                               .kind = METRIC_COUNTER,
                               .label = "code",
                               .values = { "200", "503" } };
    static METRIC seconds = { .name = "t_seconds",
                              .help = "seconds",
                              .kind = METRIC_HISTOGRAM,
                              .bounds = { 0.001, 0.01 },
                              .scale = 0.000001 };
    CLEANUP(buf_fini) struct buf out = BUF_INIT(1 << 16);

    metric_add(&requests, 1, 3);
    metric_observe(&seconds, 500);
    metric_observe(&seconds, 1000); /* on a bound: below it */
    metric_observe(&seconds, 99999);
    metrics_print("test", 0, &out);
    assert_non_null(strstr(buf_str(&out),
                           "# TYPE t_requests_total counter\nt_requests_total{code=\"200\"} 0\n"
                           "t_requests_total{code=\"503\"} 3\n"));
    assert_non_null(strstr(buf_str(&out),
                           "t_seconds_bucket{le=\"0.001\"} 2\nt_seconds_bucket{le=\"0.01\"} 2\n"
                           "t_seconds_bucket{le=\"+Inf\"} 3\nt_seconds_sum 0.101499\nt_seconds_count 3\n"));
    assert_non_null(strstr(buf_str(&out), "zapkeep_build_info{version=\""));
    assert_string_equal(err_text(-EACCES), "Permission denied");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_buffer_keeps_to_its_ceiling),
        cmocka_unit_test(a_buffer_says_when_memory_is_short),
        cmocka_unit_test(json_is_written_with_commas_and_escapes),
        cmocka_unit_test(a_document_is_whole_or_an_error),
        cmocka_unit_test(json_is_made_one_line),
        cmocka_unit_test(digests_are_those_of_the_standards),
        cmocka_unit_test(secrets_are_compared_whole),
        cmocka_unit_test(base64_goes_both_ways),
        cmocka_unit_test(a_seed_gives_one_run),
        cmocka_unit_test(a_stepped_clock_moves_when_told),
        cmocka_unit_test(metrics_are_printed_for_prometheus),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
