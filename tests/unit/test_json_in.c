/* Reading JSON: valid text is read, other text is refused, and another library agrees. */
#include "fixture.h"

#include <errno.h>
#include <jansson.h>

#include "common/base/json_in.h"
#include "common/base/mem.h"
#include "common/base/rng.h"

static int valid(const char *json, size_t n)
{
    return json_in_find((struct str){ json, n }, NULL, 0, NULL);
}

static void valid_json_is_read(void **state)
{
    static const char *const texts[] = {
        "{}",
        "[]",
        "0",
        "-0",
        "-0.5e-7",
        "1E+2",
        "\"\"",
        "true",
        "false",
        "null",
        " [ 1 , 2 ] \n",
        "{\"a\":{\"b\":[{}]}}",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"",
        "\"\xc3\xa9 \xf0\x9f\x98\x80\"",
        "\"\x7f\"",
        /* valid, and refused by others */
        "\"\\ud83d\"",
        "\"\\ude00\\ud83d\"",
        "{\"\\u0000\":1}",
        "1e999",
        "-1e-999",
        "123456789012345678901234567890",
        "{\"a\":1,\"a\":2}",
    };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (valid(texts[i], strlen(texts[i])))
            fail_msg("refused: %s", texts[i]);
    }
}

static void what_is_not_json_is_refused(void **state)
{
    static const struct str texts[] = {
        STR_LIT(""),
        STR_LIT(" "),
        STR_LIT("{"),
        STR_LIT("}"),
        STR_LIT("[1,]"),
        STR_LIT("[,1]"),
        STR_LIT("[1 2]"),
        STR_LIT("{\"a\"}"),
        STR_LIT("{\"a\":}"),
        STR_LIT("{\"a\":1,}"),
        STR_LIT("{a:1}"),
        STR_LIT("{\"a\" 1}"),
        STR_LIT("01"),
        STR_LIT("-"),
        STR_LIT("+1"),
        STR_LIT("1."),
        STR_LIT(".5"),
        STR_LIT("1e"),
        STR_LIT("1e+"),
        STR_LIT("0x1"),
        STR_LIT("NaN"),
        STR_LIT("tru"),
        STR_LIT("truee"),
        STR_LIT("nul"),
        STR_LIT("'a'"),
        STR_LIT("\"a"),
        STR_LIT("\"\\x\""),
        STR_LIT("\"\\u12g4\""),
        STR_LIT("\"\\u12\""),
        STR_LIT("\"\\"),
        STR_LIT("\"a\nb\""),
        STR_LIT("\"a\0b\""),
        STR_LIT("1\0"),
        STR_LIT("1 1"),
        STR_LIT("[1]]"),
        STR_LIT("[1}"),
        STR_LIT("\"\xff\""),
        STR_LIT("\"\xc3\""),
        STR_LIT("\"\xed\xa0\x80\""),
        STR_LIT("\"\xc0\x80\""),
        STR_LIT("\"\xf4\x90\x80\x80\""),
        STR_LIT("\xef\xbb\xbf{}"),
        STR_LIT("{}//"),
        STR_LIT("\"\\\0\""),
    };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (valid(texts[i].p, texts[i].n) != JSON_IN_BAD)
            fail_msg("row %zu taken: %.*s", i, (int)texts[i].n, texts[i].p);
    }
}

static void depth_has_a_limit(void **state)
{
    char text[2 * 100000];

    memset(text, '[', sizeof text / 2);
    memset(text + sizeof text / 2, ']', sizeof text / 2);
    assert_int_equal(valid(text, sizeof text), JSON_IN_DEEP);
    assert_int_equal(valid(text + sizeof text / 2 - JSON_IN_DEPTH_MAX, 2 * JSON_IN_DEPTH_MAX), 0);
    assert_int_equal(valid(text + sizeof text / 2 - JSON_IN_DEPTH_MAX - 1, 2 * JSON_IN_DEPTH_MAX + 2),
                     JSON_IN_DEEP);
}

/* -- paths -- */

enum { TOP, A, AB, DEEP };

static const struct json_path paths[] = {
    { TOP, { NULL } },
    { A, { "a" } },
    { A, { "aa" } },
    { AB, { "a", "b" } },
    { DEEP, { "1", "2", "3", "4", "5", "6" } },
};

static void find(const char *json, struct json_value ret[ARRAY_LEN(paths)])
{
    assert_int_equal(json_in_find(str_from(json), paths, ARRAY_LEN(paths), ret), 0);
}

static void values_are_found_by_their_paths(void **state)
{
    struct json_value v[ARRAY_LEN(paths)];

    find("{\"a\":{\"b\":\"x\",\"a\":1},\"b\":2,\"aa\":3}", v);
    assert_int_equal(v[0].kind, JSON_IN_OBJECT);
    assert_int_equal(v[1].kind, JSON_IN_OBJECT);
    assert_true(str_eq(v[1].raw, "{\"b\":\"x\",\"a\":1}"));
    assert_true(str_eq(v[2].raw, "3"));
    assert_true(json_in_is(v[3], "x"));
    assert_int_equal(v[4].kind, JSON_IN_ABSENT);

    find("{\"\\u0061\":[{\"b\":1}]}", v); /* an escaped key; arrays are not entered */
    assert_int_equal(v[1].kind, JSON_IN_ARRAY);
    assert_int_equal(v[3].kind, JSON_IN_ABSENT);

    find("{\"1\":{\"2\":{\"3\":{\"4\":{\"5\":{\"6\":null,\"7\":{\"8\":1}}}}}}}", v);
    assert_int_equal(v[4].kind, JSON_IN_NULL);

    find("{\"a\":1,\"a\":2,\"ab\":3,\"\":4}", v);
    assert_true(str_eq(v[1].raw, "2"));

    assert_int_equal(json_in_find(STR_LIT("{\"a\":1"), paths, ARRAY_LEN(paths), v), JSON_IN_BAD);
    assert_int_equal(v[1].kind, JSON_IN_ABSENT);
}

static void the_first_of_a_kind_is_taken(void **state)
{
    struct json_value v[ARRAY_LEN(paths)];

    find("{\"a\":null,\"aa\":\"x\"}", v);
    assert_true(json_in_is(json_in_first(paths, v, ARRAY_LEN(paths), A, JSON_IN_TEXT), "x"));
    assert_int_equal(json_in_first(paths, v, ARRAY_LEN(paths), A, JSON_IN_NUMBER).kind, JSON_IN_ABSENT);
    find("{\"a\":\"y\",\"aa\":false}", v);
    assert_true(json_in_is(json_in_first(paths, v, ARRAY_LEN(paths), A, JSON_IN_TEXT), "y"));
    assert_int_equal(json_in_first(paths, v, ARRAY_LEN(paths), A, JSON_IN_TRUE).kind, JSON_IN_FALSE);
}

static int add_item(void *ctx, struct json_value item)
{
    struct buf *b = ctx;

    (void)buf_add(b, item.raw.p, item.raw.n);
    (void)buf_adds(b, ";");
    return item.kind == JSON_IN_NULL ? 7 : 0;
}

static void items_of_an_array_come_in_order(void **state)
{
    static const struct {
        const char *json, *items;
        int answer;
    } rows[] = {
        { "[]", "", 0 },
        { " [ 1 , [2,3] ,{\"a\":4}, \"]\" ] ", "1;[2,3];{\"a\":4};];", 0 },
        { "[1,null,2]", "1;null;", 7 },
        { "{\"a\":1}", "", 0 },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(buf_fini) struct buf b = BUF_INIT(1000);
        struct json_value v[ARRAY_LEN(paths)];

        find(rows[i].json, v);
        assert_int_equal(json_in_each(v[0], add_item, &b), rows[i].answer);
        assert_string_equal(buf_str(&b), rows[i].items);
    }
}

/* -- values -- */

static void texts_are_decoded(void **state)
{
    static const struct {
        const char *json, *text;
    } rows[] = {
        { "\"plain\"", "plain" },
        { "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t" },
        { "\"\\u0041\\u00e9\\u20ac\\ud83d\\ude00\"", "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80" },
        { "\"a\\ud83d\"", "a\xef\xbf\xbd" },
        { "\"\\ude00b\"", "\xef\xbf\xbd"
                          "b" },
        { "\"\\ud83d\\u0041\"", "\xef\xbf\xbd"
                                "A" },
        { "\"a\\u0000b\"", "a" },
        { "7", "" },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(buf_fini) struct buf b = BUF_INIT(1000);
        struct json_value v[ARRAY_LEN(paths)];
        char text[64];

        find(rows[i].json, v);
        assert_string_equal(json_in_text(v[0], text, sizeof text), rows[i].text);
        assert_int_equal(json_in_text_add(v[0], &b), 0);
        assert_string_equal(buf_str(&b), rows[i].text);
    }
}

static void long_texts_are_cut_between_code_points(void **state)
{
    struct json_value v[ARRAY_LEN(paths)];
    char text[5];

    find("\"abc\xc3\xa9\"", v);
    assert_string_equal(json_in_text(v[0], text, sizeof text), "abc");
    find("\"ab\xc3\xa9z\"", v);
    assert_string_equal(json_in_text(v[0], text, sizeof text), "ab\xc3\xa9");
}

static void numbers_are_whole(void **state)
{
    static const struct {
        const char *json;
        int r;
        int64_t n;
    } rows[] = {
        { "0", 0, 0 },           { "-12", 0, -12 },       { "9223372036854775807", 0, INT64_MAX },
        { "1e3", 0, 1000 },      { "1.5", -EINVAL, 0 },   { "12.0", 0, 12 },
        { "1e300", -ERANGE, 0 }, { "1e999", -ERANGE, 0 }, { "99999999999999999999", -ERANGE, 0 },
        { "\"1\"", -EINVAL, 0 }, { "null", -EINVAL, 0 },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct json_value v[ARRAY_LEN(paths)];
        int64_t n = 0;

        find(rows[i].json, v);
        if (json_in_i64(v[0], &n) != rows[i].r || n != rows[i].n)
            fail_msg("%s: %ld", rows[i].json, (long)n);
    }
}

/* -- another library agrees -- */

/* Things that JSON allows and jansson refuses; texts with one of them are not compared. */
static bool is_beyond_jansson(const char *s, size_t n)
{
    return memmem(s, n, "\\u", 2) || memmem(s, n, "e9", 2) || memmem(s, n, "E9", 2);
}

static const char seed_text[] = "{\"sessionId\":\"alpha\",\"n\":[1,-2.5e1,true,false,null,{}],\"t\":"
                                "\"h\xc3\xa9 \\n\\\"x\",\"o\":{\"a\":\"b\"}}";

static void mutations_are_judged_as_by_jansson(void **state)
{
    static const char bytes[] = "{}[]\",:\\0123456789-+.eEtrufalsn \n\x01\x80\xc3\xa9";
    struct rng rng;
    int taken = 0;

    rng_init(&rng, 1);
    for (int i = 0; i < 200000; i++) {
        char s[sizeof seed_text];
        size_t n = sizeof seed_text - 1;
        json_t *tree;

        memcpy(s, seed_text, sizeof s);
        for (uint64_t k = rng_below(&rng, 4); k; k--) {
            size_t at = rng_below(&rng, n);

            if (rng_below(&rng, 3) == 0)
                memmove(s + at, s + at + 1, --n - at);
            else
                s[at] = bytes[rng_below(&rng, sizeof bytes - 1)];
        }
        if (is_beyond_jansson(s, n))
            continue;
        tree = json_loadb(s, n, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, NULL);
        if ((tree != NULL) != (valid(s, n) == 0))
            fail_msg("jansson %s: %.*s", tree ? "takes" : "refuses", (int)n, s);
        taken += tree != NULL;
        json_decref(tree);
    }
    assert_in_range(taken, 1000, 199000); /* both sides of the border were seen */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_json_is_read),
        cmocka_unit_test(what_is_not_json_is_refused),
        cmocka_unit_test(depth_has_a_limit),
        cmocka_unit_test(values_are_found_by_their_paths),
        cmocka_unit_test(the_first_of_a_kind_is_taken),
        cmocka_unit_test(items_of_an_array_come_in_order),
        cmocka_unit_test(texts_are_decoded),
        cmocka_unit_test(long_texts_are_cut_between_code_points),
        cmocka_unit_test(numbers_are_whole),
        cmocka_unit_test(mutations_are_judged_as_by_jansson),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
