/* The first words of an event, and its sender, in the forms of all bridges. */
#include "tests/unit/cmocka_all.h"

#include <string.h>

#include "common/ops/event_text.h"

static void test_each_bridge_s_form_is_read(void **state)
{
    static const struct {
        const char *body, *text, *sender;
    } cases[] = {
        { "{\"data\":{\"from\":\"551188@s.whatsapp.net\",\"text\":\"hi\"}}", "hi", "551188" },
        { "{\"payload\":{\"from\":\"551188@c.us\",\"body\":\"hi\"}}", "hi", "551188" },
        { "{\"event\":\"messages.upsert\",\"data\":{\"key\":{\"remoteJid\":\"551188@s.whatsapp.net\"},"
          "\"message\":{\"conversation\":\"hi\"}}}",
          "hi", "551188" },
        { "{\"data\":{\"message\":{\"extendedTextMessage\":{\"text\":\"a long one\"}}}}", "a long one", "" },
        { "{\"data\":{\"message\":{\"imageMessage\":{\"caption\":\"a cat\"}}}}", "a cat", "" },
        { "{\"type\":\"Message\",\"event\":{\"Info\":{\"Sender\":\"551188:7@s.whatsapp.net\"},\"Message\":{"
          "\"conversation\":\"hi\"}}}",
          "hi", "551188" },
        { "{\"event\":\"onmessage\",\"body\":\"hi\",\"from\":\"551188@c.us\"}", "hi", "551188" },
        { "{\"data\":{\"message\":\"as a text\"}}", "as a text", "" },
        { "{\"data\":{\"reason\":\"logged out\",\"status\":\"x\"}}", "logged out", "" },
        { "{\"data\":{\"text\":5,\"body\":\"the one that is a text\"}}", "the one that is a text", "" },
        { "{\"data\":null}", "", "" },
        { "{", "", "" },
        { "", "", "" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[64], sender[64];

        assert_string_equal(event_text(str_from(cases[i].body), text, sizeof text), cases[i].text);
        assert_string_equal(event_sender(str_from(cases[i].body), sender, sizeof sender), cases[i].sender);
    }
}

static void test_a_long_text_is_cut(void **state)
{
    char text[5];

    (void)state;
    assert_string_equal(event_text(STR_LIT("{\"text\":\"abcdefgh\"}"), text, sizeof text), "abcd");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_bridge_s_form_is_read),
        cmocka_unit_test(test_a_long_text_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
