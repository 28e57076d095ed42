/* The file ZAPKEEP_BRIDGES: accepted files, refused ones with the place, and the settings that a program makes of a section. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/app/app.h"
#include "common/app/bridge_config.h"
#include "common/app/policy_settings.h"
#include "common/app/rules_settings.h"
#include "common/base/mem.h"
#include "tests/unit/cmocka_all.h"

struct program {
    struct app_settings app;
    struct bridge_settings bridge;
    struct policy_settings policy;
    struct rules rules;
};
static const struct setting table[] = {
    SETTINGS_OF(app_settings_table, struct program, app),
    SETTINGS_OF(bridge_settings_table, struct program, bridge),
    POLICY_SETTINGS(struct program, policy),
    SETTINGS_OF(rules_settings_table, struct program, rules),
    { 0 },
};

static const char two[] = "# all of ours\n"
                          "[bridge sales]\n"
                          "type = waha\n"
                          "url = http://waha:3000   # inside\n"
                          "check_interval = 30s\n"
                          "reconnect_backoff = 30s..15m\n"
                          "\n"
                          "[bridge support]\n"
                          "url = http://127.0.0.1:8081\n"
                          "key = k-2\n"
                          "reconnect_rate = 1/m\n";

static int parse(const char *text, struct buf *problem, struct bridge_config *ret)
{
    return bridge_config_parse("b.conf", str_from(text), problem, ret);
}

static void test_sections(void **state)
{
    CLEANUP(buf_fini) struct buf problem = BUF_INIT(8192);
    CLEANUP(bridge_config_fini) struct bridge_config c = BRIDGE_CONFIG_NULL;
    struct program all, one;

    assert_int_equal(parse(two, &problem, &c), 0);
    assert_int_equal(c.n, 2);
    assert_string_equal(c.at[0]->name, "sales");
    assert_non_null(bridge_config_find(&c, "support"));
    assert_null(bridge_config_find(&c, "main"));

    assert_int_equal(settings_defaults(table, &all), 0);
    assert_int_equal(settings_set(table, "WHATSAPP_API_KEY", "x", "of-another", &all, &problem), 0);
    assert_int_equal(settings_set(table, "CHECK_SOON", "x", "9s", &all, &problem), 0);
    assert_int_equal(bridge_section_settings(c.at[0], table, &all, sizeof all, &problem, &one), 0);
    assert_string_equal(one.bridge.name, "sales");
    assert_string_equal(one.bridge.driver, "waha");
    assert_string_equal(one.bridge.url, "http://waha:3000");
    assert_string_equal(one.bridge.api_key, ""); /* a key is one bridge's own */
    assert_int_equal(one.rules.check_ms, 30000);
    assert_int_equal(one.rules.recheck_ms, 9000); /* a number is the program's where the section gives none */
    assert_int_equal(policy_settings_check(&one.policy, &problem), 0);
    assert_int_equal(one.policy.policy.backoff_max_ms, 15 * 60000);
    settings_free(table, &one);

    assert_int_equal(bridge_section_settings(c.at[1], table, &all, sizeof all, &problem, &one), 0);
    assert_string_equal(one.bridge.driver, "auto");
    assert_string_equal(one.bridge.api_key, "k-2");
    assert_int_equal(one.rules.check_ms, 60000);
    assert_int_equal(one.policy.policy.rate_milli, 1000 / 60);
    settings_free(table, &one);
    settings_free(table, &all);
}

static void test_problems(void **state)
{
    static const struct {
        const char *text, *problem;
    } cases[] = {
        { "", "b.conf:1:1: there is no bridge in it" },
        { "url = http://x\n", "b.conf:1:1: a key outside of a section" },
        { "[bridge a]\ntype = waha\n\n[bridge b]\nurl = http://b\n", "b.conf:1:1: [bridge a] has no url" },
        { "[bridge a]\n url = http://a\n[destination b]\n", "b.conf:3:2: unknown section" },
        { "[bridge a/b]\n", "b.conf:1:9: a bridge needs a name" },
        { "[bridge a]\nurl = http://a\n[bridge a]\n", "b.conf:3:9: there is a bridge a already" },
        { "[bridge a]\nurl = waha:3000\n", "b.conf:2:7: url is \"waha:3000\", but must be a URL" },
        { "[bridge a]\nurl = http://a\nurl = http://b\n", "b.conf:3:7: url is given twice" },
        { "[bridge a]\nurl =\n", "b.conf:2:6: url has no value" },
        { "[bridge a]\nurl\n", "b.conf:2:4: \"=\" and a value are missing" },
        { "[bridge a]\ntype = wahaha\n", "b.conf:2:8: type is \"wahaha\", but must be one of: auto zapw" },
        { "[bridge a]\ncolour = red\n", "b.conf:2:1: unknown key \"colour\"; allowed are url, key[_file], "
                                        "key_header, basic[_file], ca, type" },
        { "[bridge a]\nwhatsapp_bridge_name = b\n", "b.conf:2:1: unknown key" },
        { "[bridge a]\nurl_file = /x\n", "b.conf:2:1: unknown key" },
        { "[bridge a]\ncheck_interval = 1ms\n",
          "b.conf:2:18: check_interval is \"1ms\", but must be a duration" },
        { "[bridge a]\nkey_file = /nonexistent\n", "b.conf:2:12: cannot read /nonexistent: No such file" },
        { "[bridge a]\nkey = a b\n", "b.conf:2:7: key has a blank in it" },
        { "[bridge a]\nurl = http://a\nreconnect_backoff = 5s\n",
          "b.conf:1:1: [bridge a]: RECONNECT_BACKOFF" },
        { "[bridge a]\nurl = http://a\nflap_reuse = 5000\n", "b.conf:1:1: [bridge a]: FLAP_REUSE" },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_fini) struct buf problem = BUF_INIT(8192);
        struct bridge_config c = BRIDGE_CONFIG_NULL;

        assert_int_equal(parse(cases[i].text, &problem, &c), -EINVAL);
        assert_int_equal(c.n, 0);
        if (strncmp(buf_str(&problem), cases[i].problem, strlen(cases[i].problem)) != 0)
            fail_msg("%s\nis not\n%s", buf_str(&problem), cases[i].problem);
    }
}

/* A source of webhooks is never called. */
static void test_without_a_url(void **state)
{
    CLEANUP(buf_fini) struct buf problem = BUF_INIT(8192);
    CLEANUP(bridge_config_fini) struct bridge_config c = BRIDGE_CONFIG_NULL;

    assert_int_equal(parse("[bridge a]\ntype = cloud\nwebhook_secret = s\n", &problem, &c), 0);
}

static void test_secret_of_a_file(void **state)
{
    CLEANUP(buf_fini) struct buf problem = BUF_INIT(8192);
    CLEANUP(bridge_config_fini) struct bridge_config c = BRIDGE_CONFIG_NULL;
    char path[] = "/tmp/zapkeep-test-XXXXXX", text[200];
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, "k-1\n", 4), 4);
    (void)close(fd);
    (void)snprintf(text, sizeof text, "[bridge a]\nurl = http://a\nkey_file = %s\n", path);
    assert_int_equal(parse(text, &problem, &c), 0);
    (void)unlink(path);
    assert_string_equal(c.at[0]->key[1].value, "k-1");
}

/* As of NAME_FILE: what is no secret is refused, with the file's name; an open webhook port would be the alternative. */
static void test_a_file_that_holds_no_secret(void **state)
{
    static const struct {
        const char *text, *problem;
    } cases[] = {
        { "", " is empty" },           { "\n", " is empty" },     { "  \n", " is empty" },
        { "\t\n", " control" },        { "k\x1b\n", " control" }, { "k\n2\n", " more than one" },
        { "\nk\n", " more than one" }, { "k\n\n", NULL },         { "k\r\n", NULL },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_fini) struct buf problem = BUF_INIT(8192);
        CLEANUP(bridge_config_fini) struct bridge_config c = BRIDGE_CONFIG_NULL;
        char path[] = "/tmp/zapkeep-test-XXXXXX", text[200];
        int fd = mkstemp(path), r;

        assert_true(fd >= 0);
        assert_int_equal(write(fd, cases[i].text, strlen(cases[i].text)), strlen(cases[i].text));
        (void)close(fd);
        (void)snprintf(text, sizeof text, "[bridge a]\nurl = http://a\nwebhook_token_file = %s\n", path);
        r = parse(text, &problem, &c);
        (void)unlink(path);
        assert_int_equal(r, cases[i].problem ? -EINVAL : 0);
        assert_true(!cases[i].problem ||
                    (strstr(buf_str(&problem), cases[i].problem) && strstr(buf_str(&problem), path)));
    }
}

/* Each allocation fails once: nothing leaks, nothing is taken half. */
static void test_out_of_memory(void **state)
{
    for (long n = 0;; n++) {
        CLEANUP(buf_fini) struct buf problem = BUF_INIT(8192);
        struct bridge_config c = BRIDGE_CONFIG_NULL;
        int r;

        mem_fail_after(n);
        r = parse(two, &problem, &c);
        mem_fail_after(-1);
        if (r == 0) {
            bridge_config_fini(&c);
            break;
        }
        assert_int_equal(r, -ENOMEM);
        assert_int_equal(c.n, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sections),
        cmocka_unit_test(test_problems),
        cmocka_unit_test(test_without_a_url),
        cmocka_unit_test(test_secret_of_a_file),
        cmocka_unit_test(test_a_file_that_holds_no_secret),
        cmocka_unit_test(test_out_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
