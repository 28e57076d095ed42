/* FORWARD_CONFIG: its values, and the place of each fault; which events a destination wants. */
#include "tests/unit/cmocka_all.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/app/forward_config.h"
#include "common/base/mem.h"

static const struct forward_settings defaults = { .url = "http://10.0.0.1",
                                                  .ca = "",
                                                  .token = "the token of BACKEND_URL",
                                                  .secret = "",
                                                  .body = "event",
                                                  .schedule = "0s,5s",
                                                  .from = "now",
                                                  .concurrency = 5,
                                                  .timeout_ms = 9000,
                                                  .batch = 3,
                                                  .batch_wait_ms = 20 };

static int parse(const char *text, struct config *c, struct buf *problem)
{
    return config_parse(c, &defaults, "f.ini", str_from(text), problem);
}

static void everything_is_read(void **state)
{
    CLEANUP(config_fini) struct config c = CONFIG_NULL;
    CLEANUP(buf_fini) struct buf problem = BUF_INIT(4096);
    const struct destination_config *d;

    assert_int_equal(
        parse("# where to\n"
              "[destination crm]   # the first\r\n"
              "  url = https://crm.example/hooks?a=b#c\n"
              "token=t\n"
              "secret = whsec_YWJjYWJjYWJjYWJjYWJjYWJjYWJjYWJj , whsec_ZGVmZGVmZGVmZGVmZGVmZGVmZGVmZGVm\n"
              "types = message. , session.disconnected\t# prefixes\n"
              "sessions = a,b\n"
              "bridge = main\n"
              "body = raw\n"
              "concurrency = 12\n"
              "timeout = 2s\n"
              "batch = 10\n"
              "batch_wait = 5ms\n"
              "allow_private = yes\n"
              "\n"
              "[ destination  log ]\n"
              "url = http://log.example",
              &c, &problem),
        0);
    assert_int_equal(c.n, 2);
    d = c.at[0];
    assert_string_equal(d->name, "crm");
    assert_string_equal(d->target.url, "https://crm.example/hooks?a=b#c");
    assert_string_equal(d->target.token, "t");
    assert_int_equal(d->target.secrets.n, 2);
    assert_int_equal(d->filter.types.n, 2);
    assert_true(str_eq(d->filter.types.item[0], "message.") &&
                str_eq(d->filter.types.item[1], "session.disconnected"));
    assert_int_equal(d->filter.sessions.n, 2);
    assert_string_equal(d->bridge, "main");
    assert_false(d->target.event_body);
    assert_int_equal(d->concurrency, 12);
    assert_int_equal(d->timeout_ms, 2000);
    assert_int_equal(d->batch, 10);
    assert_int_equal(d->batch_wait_ms, 5);
    assert_true(d->allow_private);
}

static void what_is_not_said_is_as_the_settings_say_but_for_secrets(void **state)
{
    CLEANUP(config_fini) struct config c = CONFIG_NULL;
    CLEANUP(buf_fini) struct buf problem = BUF_INIT(4096);
    const struct destination_config *d;

    assert_int_equal(parse("[destination log]\nurl = http://log.example/", &c, &problem), 0);
    d = c.at[0];
    assert_string_equal(d->target.url, "http://log.example" DELIVERY_PATH);
    assert_true(d->target.event_body);
    assert_int_equal(d->concurrency, 5);
    assert_int_equal(d->timeout_ms, 9000);
    assert_int_equal(d->batch, 3);
    assert_int_equal(d->batch_wait_ms, 20);
    assert_string_equal(d->target.token, "");
    assert_int_equal(d->target.secrets.n, 0);
    assert_false(d->allow_private);
}

static void the_backend_may_be_private(void **state)
{
    CLEANUP(config_fini) struct config c = CONFIG_NULL;
    CLEANUP(buf_fini) struct buf problem = BUF_INIT(4096);

    assert_int_equal(config_add_backend(&c, &defaults, &problem), 0);
    assert_string_equal(c.at[0]->name, "backend");
    assert_string_equal(c.at[0]->target.url, "http://10.0.0.1" DELIVERY_PATH);
    assert_string_equal(c.at[0]->target.token, "the token of BACKEND_URL");
    assert_true(c.at[0]->allow_private);
}

#define D "[destination x]\nurl = http://x\n"

static void a_mistake_is_named_with_its_place_and_what_is_allowed(void **state)
{
    static const struct {
        const char *text, *where, *words;
    } cases[] = {
        { "", "f.ini:1:1: ", "no destination" },
        { "# nothing\n", "f.ini:2:1: ", "no destination" },
        { "url = http://x\n", "f.ini:1:1: ", "outside of a section" },
        { "[destination x]\n", "f.ini:1:1: ", "has no url" },
        { "[destination x]\n[destination y]\nurl = http://y", "f.ini:1:1: ", "[destination x] has no url" },
        { "  [backend]\n", "f.ini:1:4: ", "[destination NAME]" },
        { "[destination x\n", "f.ini:1:15: ", "ends with ]" },
        { "[", "f.ini:1:2: ", "ends with ]" },
        { "[]", "f.ini:1:2: ", "[destination NAME]" },
        { "[destination ]\n", "f.ini:1:13: ", "A-Z a-z 0-9 _ -" },
        { "[destinations]\n", "f.ini:1:2: ", "[destination NAME]" },
        { "[destination a/b]\n", "f.ini:1:14: ", "A-Z a-z 0-9 _ -" },
        { D D, "f.ini:3:14: ", "already" },
        { D "uri = http://x\n", "f.ini:3:1: ", "unknown key \"uri\"; allowed are url, " },
        { D "types\n", "f.ini:3:6: ", "\"=\"" },
        { D "types =\n", "f.ini:3:8: ", "types has no value" },
        { D "types = message.,,session.\n", "f.ini:3:18: ", "between two commas" },
        { D "types = message., mesage.\n", "f.ini:3:19: ", "no event has the type \"mesage.\"; allowed are" },
        { D "types = message.*\n", "f.ini:3:9: ", "message.received" },
        { D "sessions = sales, s*\n", "f.ini:3:19: ", "not patterns" },
        { D "from = yesterday\n", "f.ini:3:8: ", "now, beginning, a seq" },
        { D "retry_schedule = 5s\n", "f.ini:3:18: ", "begin with 0s" },
        { D "url = http://y\n", "f.ini:3:1: ", "given twice" },
        { "[destination x]\n  url = ftp://x\n", "f.ini:2:9: ", "http://" },
        { D "body = xml\n", "f.ini:3:8: ", "raw and event" },
        { D "concurrency = 0\n", "f.ini:3:15: ", "1 to 256" },
        { D "concurrency = 1000\n", "f.ini:3:15: ", "1 to 256" },
        { D "timeout = 5 parsecs\n", "f.ini:3:11: ", "50ms to 10m" },
        { D "batch = 257\n", "f.ini:3:9: ", "1 to 256" },
        { D "batch_wait = 2h\n", "f.ini:3:14: ", "0ms to 1m" },
        { D "ca = /nowhere/at/all\n", "f.ini:3:6: ", "cannot read /nowhere/at/all" },
        { D "allow_private = perhaps\n", "f.ini:3:17: ", "neither yes nor no" },
        { D "bridge = a b\n", "f.ini:3:10: ", "A-Z a-z 0-9 _ -" },
        { D "secret = verysecret\n", "f.ini:3:10: ", "whsec_" },
        { D "secret_file = /nowhere/at/all\n", "f.ini:3:15: ", "cannot read /nowhere/at/all" },
        { D "token = a\001b\n", "f.ini:3:10: ", "control character" },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(config_fini) struct config c = CONFIG_NULL;
        CLEANUP(buf_fini) struct buf problem = BUF_INIT(4096);

        assert_int_equal(parse(cases[i].text, &c, &problem), -EINVAL);
        if (strncmp(buf_str(&problem), cases[i].where, strlen(cases[i].where)) != 0 ||
            !strstr(buf_str(&problem), cases[i].words))
            fail_msg("case %zu (%s): %s", i, cases[i].text, buf_str(&problem));
        assert_null(strstr(buf_str(&problem), "verysecret"));
    }
}

static void seventeen_are_too_many(void **state)
{
    CLEANUP(config_fini) struct config c = CONFIG_NULL;
    CLEANUP(buf_fini) struct buf problem = BUF_INIT(4096);
    CLEANUP(buf_fini) struct buf text = BUF_INIT(4096);

    for (int i = 0; i <= DESTINATIONS_MAX; i++)
        (void)buf_addf(&text, "[destination d%d]\nurl = http://x\n", i);
    assert_int_equal(parse(buf_str(&text), &c, &problem), -EINVAL);
    assert_non_null(strstr(buf_str(&problem), "f.ini:33:1: more than 16"));
}

#define KEY "whsec_YWJjYWJjYWJjYWJjYWJjYWJjYWJjYWJj"

static void secrets_come_from_files(void **state)
{
    CLEANUP(config_fini) struct config c = CONFIG_NULL;
    CLEANUP(buf_fini) struct buf problem = BUF_INIT(4096);
    CLEANUP(buf_fini) struct buf text = BUF_INIT(4096);
    char path[] = "/tmp/zk-test-XXXXXX";
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, KEY "\n", sizeof KEY), sizeof KEY);
    (void)close(fd);
    (void)buf_addf(&text, "%ssecret_file = %s\ntoken_file=%s\n", D, path, path);
    assert_int_equal(parse(buf_str(&text), &c, &problem), 0);
    assert_int_equal(c.at[0]->target.secrets.n, 1);
    assert_string_equal(c.at[0]->target.token, KEY);
    (void)unlink(path);
}

static void a_destination_wants_what_its_filter_says(void **state)
{
    static const struct {
        const char *filter, *type, *bridge, *session, *body;
        bool want;
    } cases[] = {
        { "", "message.received", "main", "a", "{}", true },
        { "types = message.\n", "message.received", "main", "a", "{}", true },
        { "types = message.\n", "session.connected", "main", "a", "{}", false },
        { "types = event., session.c\n", "session.connected", "main", "a", "{}", true },
        { "sessions = a, b\n", "message.received", "main", "b", "{}", true },
        { "sessions = a, b\n", "message.received", "main", "ab", "{}", false },
        { "sessions = a, b\n", "event.other", "main", "", "{}", false },
        { "bridge = main\n", "message.received", "main", "b", "{}", true },
        { "bridge = main\n", "message.received", "other", "b", "{}", false },
        { "types=message.\nsessions=a\n", "message.received", "main", "b", "{}", false },
        { "", "event.other", "main", "", "{\"eventType\":\"zapkeep.probe\"}", false },
        { "", "event.other", "main", "", "{\"text\":\"zapkeep.probe\"}", true },
        { "", "message.received", "main", "", "{\"eventType\":\"zapkeep.probe\"}", true },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(config_fini) struct config c = CONFIG_NULL;
        CLEANUP(buf_fini) struct buf problem = BUF_INIT(4096);
        CLEANUP(buf_fini) struct buf text = BUF_INIT(4096);
        const struct event e = { .type = str_from(cases[i].type),
                                 .bridge = str_from(cases[i].bridge),
                                 .session = str_from(cases[i].session),
                                 .body = str_from(cases[i].body) };

        (void)buf_addf(&text, "%s%s", D, cases[i].filter);
        assert_int_equal(parse(buf_str(&text), &c, &problem), 0);
        if (event_filter_wants(&c.at[0]->filter, &e) != cases[i].want)
            fail_msg("case %zu", i);
    }
}

static void every_allocation_may_fail(void **state)
{
    long before = mem_live();

    for (long n = 0;; n++) {
        struct config c = CONFIG_NULL;
        char words[4096];
        struct buf problem = BUF_INIT(sizeof words);
        int r;

        mem_fail_after(n);
        r = parse(D
                  "types = message., session.\nsecret = whsec_YWJjYWJjYWJjYWJjYWJjYWJjYWJjYWJj\ntoken = t\n",
                  &c, &problem);
        mem_fail_after(-1);
        config_fini(&c);
        buf_fini(&problem);
        assert_int_equal(mem_live(), before);
        if (r == 0)
            break;
        assert_true(n < 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_is_read),
        cmocka_unit_test(what_is_not_said_is_as_the_settings_say_but_for_secrets),
        cmocka_unit_test(the_backend_may_be_private),
        cmocka_unit_test(a_mistake_is_named_with_its_place_and_what_is_allowed),
        cmocka_unit_test(seventeen_are_too_many),
        cmocka_unit_test(secrets_come_from_files),
        cmocka_unit_test(a_destination_wants_what_its_filter_says),
        cmocka_unit_test(every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
