/* Texts from outside, as they are shown: nothing that a terminal obeys or a reader is deceived by. */
#include "tests/unit/cmocka_all.h"

#include <stdlib.h>

#include "common/base/clean.h"
#include "common/base/json_in.h"
#include "common/base/json_out.h"
#include "common/base/mem.h"

static const struct {
    const char *text, *shown;
} cases[] = {
    { "", "" },
    { "plain, \xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "plain, \xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80" },
    { "a\x1b[31mred", "a?[31mred" },                /* ESC */
    { "a\r\nb\tc\x07", "a??b?c?" },                 /* C0 */
    { "a\x7f", "a?" },                              /* DEL */
    { "a\xc2\x9b\x33\x31m", "a?31m" },              /* U+009B, CSI of C1 */
    { "a\xc2\x80\xc2\x9f\xc2\xa0", "a??\xc2\xa0" }, /* where C1 begins and ends */
    { "a\x9b\x33", "a?3" },                         /* the byte alone is no UTF-8 */
    { "cod.\xe2\x80\xaegpj", "cod.?gpj" },          /* U+202E */
    { "\xe2\x81\xa6x\xe2\x81\xa9", "?x?" },         /* U+2066, U+2069 */
    { "a\xe2\x80\xa8"
      "b",
      "a?b" },                 /* U+2028 */
    { "a\xe2\x82", "a??" },    /* cut */
    { "\xed\xa0\x80", "???" }, /* a surrogate */
};

static void what_a_terminal_obeys_is_replaced(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_fini) struct buf out = BUF_INIT(256), again = BUF_INIT(256);
        char *copy = strdup(cases[i].text);

        assert_int_equal(clean_add(&out, str_from(cases[i].text)), 0);
        assert_string_equal(buf_str(&out), cases[i].shown);
        assert_string_equal(clean_text(copy), cases[i].shown);
        assert_int_equal(clean_add(&again, str_from(cases[i].text)), 0);
        clean_lines(&again);
        assert_string_equal(buf_str(&again), cases[i].shown);
        free(copy);
    }
}

static void lines_stay_lines(void **state)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(256);

    clean_lines(&out);
    (void)buf_adds(&out, "one\x1b[31m\ntwo\r\n\xc2\x9b\n");
    clean_lines(&out);
    assert_string_equal(buf_str(&out), "one?[31m\ntwo?\n?\n");
}

static bool is_safe(const struct buf *b)
{
    CLEANUP(buf_fini) struct buf clean = BUF_INIT(1024);

    (void)clean_add(&clean, (struct str){ buf_str(b), b->len });
    return strcmp(buf_str(&clean), buf_str(b)) == 0;
}

/* JSON says the same in escapes: a program reads the text as it was. */
static void json_keeps_the_text_and_shows_nothing_unsafe(void **state)
{
    static const struct json_path whole = { 0, { NULL } };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_fini) struct buf out = BUF_INIT(256), again = BUF_INIT(256);
        struct json_out j = JSON_OUT(&out);
        struct json_value v;
        char text[64];
        bool valid = !strchr(cases[i].text, '\x9b') && i < 11 && i != 7;

        json_texts(&j, NULL, cases[i].text);
        assert_true(is_safe(&out));
        assert_int_equal(json_in_find((struct str){ buf_str(&out), out.len }, &whole, 1, &v), 0);
        if (valid)
            assert_string_equal(json_in_text(v, text, sizeof text), cases[i].text);
        json_compact(&again, (struct str){ buf_str(&out), out.len });
        assert_string_equal(buf_str(&again), buf_str(&out));
    }
}

/* A body is JSON of somebody else: the same characters stand in it as they are. */
static void a_body_on_one_line_is_safe_too(void **state)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(256);

    json_compact(&out, STR_LIT("{ \"a\x7f\xc2\x9b\" : \"\xe2\x80\xae \\\" \xc3\xa4\" }"));
    assert_string_equal(buf_str(&out), "{\"a\\u007f\\u009b\":\"\\u202e \\\" \xc3\xa4\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_terminal_obeys_is_replaced),
        cmocka_unit_test(lines_stay_lines),
        cmocka_unit_test(json_keeps_the_text_and_shows_nothing_unsafe),
        cmocka_unit_test(a_body_on_one_line_is_safe_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
