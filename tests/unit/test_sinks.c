/* Sinks: their file, which alerts they get and when, and the messages they are sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/base64.h"
#include "common/base/json_in.h"
#include "common/base/mem.h"
#include "common/sink/sink_config.h"
#include "common/sink/sink_kind.h"
#include "common/sink/sink_policy.h"
#include "common/sink/sink_text.h"

/* A text that is not const, as the owned ones of a configuration. */
#define T(s)   ((char[]){ s })
#define SECRET "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"

static const struct sink_alert lost = { .id = 7,
                                        .kind = ALERT_SESSION_LOST,
                                        .firing = true,
                                        .bridge = "main",
                                        .session = "a b/é",
                                        .text = "session a b/é is gone <from> the bridge",
                                        .started_at = 1700000000123 };
static const struct sink_alert down = { .id = 8,
                                        .kind = ALERT_BRIDGE_DOWN,
                                        .firing = false,
                                        .bridge = "main",
                                        .session = "",
                                        .text = "bridge main is no longer down",
                                        .started_at = 1700000000123,
                                        .ended_at = 1700000060000 };

/* ---- texts ----------------------------------------------------------------------------------- */

static void every_alert_has_its_texts_in_every_language(void **state)
{
    for (int l = 0; l < LANGUAGE_N; l++) {
        assert_int_equal(language_find(language_name((enum language)l)), l);
        for (int k = ALERT_NONE + 1; k < ALERT_KIND_N; k++) {
            const char *title = alert_title((enum language)l, (enum alert_kind)k);

            if (strcmp(title, alert_kind_text((enum alert_kind)k)) == 0)
                fail_msg("%s has no title in %s", title, language_name((enum language)l));
            assert_true(alert_step((enum language)l, (enum alert_kind)k)[0]);
            if (l != LANGUAGE_EN)
                assert_string_not_equal(title, alert_title(LANGUAGE_EN, (enum alert_kind)k));
        }
    }
    assert_int_equal(language_find("PT-br"), LANGUAGE_PT_BR);
    assert_int_equal(language_find("de"), -1);
}

static void a_text_has_title_step_detail_and_link(void **state)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(4096);

    sink_text_all(LANGUAGE_PT_BR, "https://ops.example/zap/", &lost, 1, &out);
    assert_string_equal(buf_str(&out), "Sessão sumiu da ponte: main/a b/é\n"
                                       "Pareie para criá-la de novo ou exclua-a.\n"
                                       "session a b/é is gone <from> the bridge\n"
                                       "https://ops.example/zap/#/session/main/a%20b%2F%C3%A9");
    buf_reset(&out);
    sink_text_all(LANGUAGE_ES, "", &down, 1, &out);
    assert_non_null(strstr(buf_str(&out), ": main (resuelto)\nbridge main is no longer down"));
}

static void words_of_others_are_cleaned(void **state)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(4096);
    struct sink_alert evil = down;

    evil.text = "it says \x1b[31m\r\nfake\xc2\x9b\xe2\x80\xae\x9b.";
    sink_text_rest(LANGUAGE_EN, "", &evil, &out);
    assert_string_equal(buf_str(&out), "it says ?[31m??fake???.");
}

static void a_cut_leaves_no_half_character(void **state)
{
    assert_int_equal(sink_text_cut(STR_LIT("aé"), 2).n, 1);
    assert_int_equal(sink_text_cut(STR_LIT("aé"), 3).n, 3);
    assert_int_equal(sink_text_cut(STR_LIT("\xff\xff\xff"), 2).n, 2);
}

/* ---- the file -------------------------------------------------------------------------------- */

static int parse(struct sink_configs *c, const char *text, struct buf *problem)
{
    return sink_configs_parse(c, "sinks", str_from(text), problem);
}

static void a_section_is_a_sink(void **state)
{
    CLEANUP(buf_fini) struct buf problem = BUF_INIT(4096);
    CLEANUP(sink_configs_fini) struct sink_configs c = SINK_CONFIGS_NULL;
    const struct sink_config *s;

    assert_int_equal(parse(&c,
                           "[sink phone]\ntype = telegram\ntoken = 1:x\nchat = 42\nseverity = critical\n"
                           "sessions = a, b\nquiet = 22:30-07:00\nrepeat = 4h\ngroup = 10s\nlanguage = id\n"
                           "[sink ops]\ntype = email\nurl = smtp://127.0.0.1:25\ntls = none\nfrom = z@x.org\n"
                           "to = a@x.org, b@x.org\nquiet = 10:00-11:00\nquiet_for = all\n",
                           &problem),
                     0);
    assert_int_equal(c.n, 2);
    s = sink_configs_find(&c, "phone");
    assert_int_equal(s->kind, SINK_TELEGRAM);
    assert_int_equal(s->level, ALERT_LEVEL_CRITICAL);
    assert_int_equal(s->sessions.n, 2);
    assert_int_equal(s->quiet_from, 22 * 60 + 30);
    assert_int_equal(s->quiet_to, 7 * 60);
    assert_int_equal(s->repeat_ms, 4 * 3600 * 1000);
    assert_int_equal(s->group_ms, 10 * 1000);
    assert_int_equal(s->language, LANGUAGE_ID);
    assert_true(sink_configs_find(&c, "ops")->plain && sink_configs_find(&c, "ops")->quiet_all);
    assert_null(sink_configs_find(&c, "nobody"));
}

static void an_error_says_where_it_is_and_what_is_allowed(void **state)
{
    static const struct {
        const char *text, *problem;
    } cases[] = {
        { "[sink x]\ntype = pager\n",
          "sinks:2:8: \"pager\" is not allowed here; allowed is alertmanager, ntfy" },
        { "[sink x]\ntype\n", "sinks:2:5: \"=\" and a value are missing" },
        { "[sink x]\n", "sinks:1:1: [sink x] has no type" },
        { "[sink x]\ntype = telegram\nchat = 1\n",
          "sinks:1:1: [sink x] has no token, which type = telegram needs" },
        { "[sink x]\ntype = email\nurl = smtp://h\nfrom = a@b\n", "[sink x] has no to" },
        { "[sink x]\ntype = email\nurl = http://h\nfrom = a@b\nto = c@d\n", "url is smtp://" },
        { "[sink x]\ntype = webhook\nurl = http://h\nsecret = short\n", "whsec_" },
        { "[sink x]\ntype = slack\nurl = ftp://h\n", "no http(s) URL" },
        { "[sink x]\ntype = exec\ncommand = run\n", "sinks:3:11: \"run\" is not allowed" },
        { "[sink x]\ntype = exec\ncommand = /no/such\n", "cannot run /no/such" },
        { "[sink x]\nquiet = 25:00-07:00\n", "22:00-07:00" },
        { "[sink x]\nalerts = session-lost, nonsense\n", "sinks:2:24: there is no alert \"nonsense\"" },
        { "[sink x]\nlanguage = de\n", "allowed is en, pt-BR, es or id" },
        { "[sink x]\nrepeat = 1s\n", "1m to 7d" },
        { "[sink x]\nchat = 1\nchat = 2\n", "sinks:3:1: chat is given twice" },
        { "[sink x]\nnot_a_key = 1\n", "sinks:2:1: unknown key" },
        { "[sink x]\ntype = slack\nurl = http://h\n[sink x]\n", "sinks:4:7: there is a sink x already" },
        { "[destination x]\n", "allowed is [sink NAME]" },
        { "# nothing\n", "there is no sink in it" },
        { "[sink x]\ntype = email\nurl = smtp://h\nfrom = a@b\nto = A <c@d>\n", "without a name" },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_fini) struct buf problem = BUF_INIT(4096);
        CLEANUP(sink_configs_fini) struct sink_configs c = SINK_CONFIGS_NULL;

        assert_int_not_equal(parse(&c, cases[i].text, &problem), 0);
        if (!strstr(buf_str(&problem), cases[i].problem))
            fail_msg("%s: %s", cases[i].text, buf_str(&problem));
    }
}

/* ---- which, and when ------------------------------------------------------------------------- */

static void a_sink_gets_what_it_asked_for(void **state)
{
    struct sink_config all = { 0 }, critical = { .level = ALERT_LEVEL_CRITICAL };
    struct sink_config some = { .sessions = { NULL, { STR_LIT("a") }, 1 } };
    struct sink_config kind = { .alerts = { NULL, { STR_LIT("session-lost") }, 1 } };
    struct sink_config bridge = { .bridges = { NULL, { STR_LIT("main") }, 1 } };

    assert_true(sink_wants(&all, ALERT_SESSION_DOWN, "main", "a"));
    assert_false(sink_wants(&critical, ALERT_SESSION_DOWN, "main", "a"));
    assert_true(sink_wants(&critical, ALERT_SESSION_LOST, "main", "a"));
    assert_true(sink_wants(&some, ALERT_SESSION_LOST, "main", "a"));
    assert_false(sink_wants(&some, ALERT_SESSION_LOST, "main", "b"));
    assert_true(sink_wants(&some, ALERT_SESSION_LOST, "main", ""));
    assert_true(sink_wants(&some, ALERT_DESTINATION_FAILING, "", "crm"));
    assert_true(sink_wants(&kind, ALERT_SESSION_LOST, "main", "a"));
    assert_false(sink_wants(&kind, ALERT_BRIDGE_DOWN, "main", ""));
    assert_false(sink_wants(&bridge, ALERT_BRIDGE_DOWN, "other", ""));
    assert_true(sink_wants(&bridge, ALERT_DESTINATION_FAILING, "", "crm"));
}

static void quiet_hours_hold_back_what_can_wait(void **state)
{
    struct sink_config night = { .quiet_from = 22 * 60, .quiet_to = 7 * 60 };
    struct sink_config noon = { .quiet_from = 12 * 60, .quiet_to = 13 * 60, .quiet_all = true };
    struct sink_config never = { 0 };

    assert_true(sink_holds_back(&night, ALERT_SESSION_DOWN, 22 * 60));
    assert_true(sink_holds_back(&night, ALERT_SESSION_DOWN, 6 * 60 + 59));
    assert_false(sink_holds_back(&night, ALERT_SESSION_DOWN, 7 * 60));
    assert_false(sink_holds_back(&night, ALERT_SESSION_DOWN, 21 * 60 + 59));
    assert_false(sink_holds_back(&night, ALERT_SESSION_LOST, 23 * 60));
    assert_true(sink_holds_back(&noon, ALERT_SESSION_LOST, 12 * 60));
    assert_false(sink_holds_back(&noon, ALERT_SESSION_LOST, 13 * 60));
    assert_false(sink_holds_back(&never, ALERT_SESSION_LOST, 0));
}

static void an_alert_is_repeated_once_in_each_interval(void **state)
{
    struct sink_config c = { .repeat_ms = 1000 }, never = { 0 };
    int64_t since = 5000;
    int n = 0;

    for (int64_t t = 5000; t < 9500; t += 300)
        n += sink_repeats(&c, since, t, t + 300);
    assert_int_equal(n, 4);
    assert_false(sink_repeats(&never, since, 0, 100000));
    assert_false(sink_repeats(&c, since, 6000, 6000));
}

static void retries_slow_down(void **state)
{
    static const struct {
        int tries;
        int64_t ms;
    } cases[] = { { 1, 1000 }, { 2, 2000 }, { 3, 4000 }, { 9, 256000 }, { 10, 300000 }, { 1000000, 300000 } };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(sink_retry_ms(cases[i].tries), cases[i].ms);
}

/* ---- messages -------------------------------------------------------------------------------- */

static void compose(const struct sink_config *c, const struct sink_alert *a, int n, struct sink_message *ret)
{
    sink_message_init(ret);
    assert_int_equal(sink_message_write(c, "https://c.example", a, n, 1700000100000, ret), 0);
}

static void value_at(const struct sink_message *m, const char *key, char *ret, size_t n)
{
    const struct json_path path = { 0, { key } };
    struct json_value v;

    assert_int_equal(json_in_find((struct str){ buf_str(&m->body), m->body.len }, &path, 1, &v), 0);
    json_in_text(v, ret, n);
}

static void telegram_gets_chat_and_text(void **state)
{
    const struct sink_config c = { .kind = SINK_TELEGRAM, .token = T("1:x"), .chat = T("42") };
    CLEANUP(sink_message_fini) struct sink_message m;
    char v[4096];

    compose(&c, &lost, 1, &m);
    assert_string_equal(buf_str(&m.url), "https://api.telegram.org/bot1:x/sendMessage");
    value_at(&m, "chat_id", v, sizeof v);
    assert_string_equal(v, "42");
    value_at(&m, "text", v, sizeof v);
    assert_non_null(strstr(v, "gone <from> the bridge\nhttps://c.example/#/session/main/"));
}

static void slack_gets_no_markup_of_others(void **state)
{
    const struct sink_config c = { .kind = SINK_SLACK, .url = T("https://hooks.slack.com/x") };
    CLEANUP(sink_message_fini) struct sink_message m;
    char v[4096];

    compose(&c, &lost, 1, &m);
    value_at(&m, "text", v, sizeof v);
    assert_non_null(strstr(v, "gone &lt;from&gt; the bridge"));
}

static void a_name_of_others_calls_nobody_in_a_chat(void **state)
{
    const struct sink_config c = { .kind = SINK_SLACK, .url = T("https://hooks.slack.com/x") };
    CLEANUP(sink_message_fini) struct sink_message m;
    struct sink_alert named = lost;
    char v[4096];

    named.text = "two sessions of one phone: @everyone <!channel>";
    compose(&c, &named, 1, &m);
    value_at(&m, "text", v, sizeof v);
    assert_non_null(strstr(v, "@\u200beveryone &lt;!channel&gt;"));
}

static void a_group_is_one_message(void **state)
{
    const struct sink_alert both[] = { lost, down };
    const struct sink_config slack = { .kind = SINK_SLACK, .url = T("http://h") };
    const struct sink_config manager = { .kind = SINK_ALERTMANAGER, .url = T("http://h") };
    CLEANUP(sink_message_fini) struct sink_message s, a;
    char v[4096];

    compose(&slack, both, 2, &s);
    value_at(&s, "text", v, sizeof v);
    assert_non_null(strstr(v, "session a b"));
    assert_non_null(strstr(v, "\n\n"));
    assert_non_null(strstr(v, "no longer down"));
    compose(&manager, both, 2, &a);
    value_at(&a, "status", v, sizeof v);
    assert_string_equal(v, "firing");
    assert_non_null(strstr(buf_str(&a.body), "bridge-down"));
    assert_non_null(strstr(buf_str(&a.body), "session-lost"));
}

static void a_mail_is_ascii_and_reads_as_written(void **state)
{
    char to[] = "ops@x.org";
    const struct sink_config c = { .name = "ops",
                                   .kind = SINK_EMAIL,
                                   .url = T("smtp://h"),
                                   .from = T("z@x.org"),
                                   .to = { to, { { to, 9 } }, 1 },
                                   .language = LANGUAGE_PT_BR };
    CLEANUP(sink_message_fini) struct sink_message m;
    const char *body;

    compose(&c, &lost, 1, &m);
    for (size_t i = 0; i < m.body.len; i++)
        assert_in_range((unsigned char)buf_str(&m.body)[i], 10, 126);
    assert_non_null(
        strstr(buf_str(&m.body), "From: zapkeep <z@x.org>\r\nTo: ops@x.org\r\nSubject: =?UTF-8?B?"));
    assert_non_null(strstr(buf_str(&m.body), "Date: Tue, 14 Nov 2023 22:15:00 +0000\r\n"));
    body = strstr(buf_str(&m.body), "\r\n\r\n");
    assert_non_null(body);
    assert_true(strlen(body) > 100);
}

static void a_webhook_is_signed_and_keeps_its_id(void **state)
{
    char secret[] = SECRET;
    struct sink_config c = { .kind = SINK_WEBHOOK,
                             .url = T("http://h"),
                             .secrets = { { { secret, sizeof secret - 1 } }, 1 } };
    CLEANUP(sink_message_fini) struct sink_message m, again;
    char want[64], line[160];

    compose(&c, &lost, 1, &m);
    compose(&c, &lost, 1, &again);
    assert_string_equal(buf_str(&m.headers), buf_str(&again.headers));
    assert_non_null(
        strstr(buf_str(&m.headers), "webhook-id: alert_1700000000123_7\nwebhook-timestamp: 1700000100\n"));
    assert_int_equal(signature_standard(STR_LIT(SECRET), STR_LIT("alert_1700000000123_7"),
                                        STR_LIT("1700000100"), (struct str){ buf_str(&m.body), m.body.len },
                                        want),
                     0);
    (void)snprintf(line, sizeof line, "webhook-signature: %s\n", want);
    assert_non_null(strstr(buf_str(&m.headers), line));
}

static void a_program_gets_entries(void **state)
{
    const struct sink_config c = { .kind = SINK_EXEC, .command = T("/bin/true") };
    CLEANUP(sink_message_fini) struct sink_message m;
    const char *p;

    compose(&c, &lost, 1, &m);
    p = buf_str(&m.headers);
    assert_string_equal(p, "ZAPKEEP_ALERT_NAME=session-lost");
    p += strlen(p) + 1;
    assert_string_equal(p, "ZAPKEEP_ALERT_STATUS=firing");
}

static void a_test_is_no_alert_of_a_kind(void **state)
{
    const struct sink_alert test = {
        .kind = ALERT_NONE, .firing = true, .bridge = "", .session = "", .text = ""
    };
    const struct sink_config c = { .kind = SINK_SLACK, .url = T("http://h"), .language = LANGUAGE_ID };
    CLEANUP(sink_message_fini) struct sink_message m;
    char v[4096];

    compose(&c, &test, 1, &m);
    value_at(&m, "text", v, sizeof v);
    assert_non_null(strstr(v, alert_word(LANGUAGE_ID, ALERT_WORD_TEST)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_alert_has_its_texts_in_every_language),
        cmocka_unit_test(a_text_has_title_step_detail_and_link),
        cmocka_unit_test(words_of_others_are_cleaned),
        cmocka_unit_test(a_cut_leaves_no_half_character),
        cmocka_unit_test(a_section_is_a_sink),
        cmocka_unit_test(an_error_says_where_it_is_and_what_is_allowed),
        cmocka_unit_test(a_sink_gets_what_it_asked_for),
        cmocka_unit_test(quiet_hours_hold_back_what_can_wait),
        cmocka_unit_test(an_alert_is_repeated_once_in_each_interval),
        cmocka_unit_test(retries_slow_down),
        cmocka_unit_test(telegram_gets_chat_and_text),
        cmocka_unit_test(slack_gets_no_markup_of_others),
        cmocka_unit_test(a_name_of_others_calls_nobody_in_a_chat),
        cmocka_unit_test(a_group_is_one_message),
        cmocka_unit_test(a_mail_is_ascii_and_reads_as_written),
        cmocka_unit_test(a_webhook_is_signed_and_keeps_its_id),
        cmocka_unit_test(a_program_gets_entries),
        cmocka_unit_test(a_test_is_no_alert_of_a_kind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
