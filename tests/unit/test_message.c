/* Bus messages: an encoded message comes back, foreign bytes are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "common/base/mem.h"
#include "proto/message.h"

static void fill(struct message *m)
{
    message_init(m);
#define STR(name)     m->name = STR_LIT("text of " #name);
#define BIN(name)     m->name = (struct str){ "\x00\xff bytes", 8 };
#define INT(name)     m->name = (int64_t)sizeof #name * 1000003 * 1000;
#define X(kind, name) kind(name)
    MESSAGE_FIELDS(X)
#undef X
#undef INT
#undef BIN
#undef STR
    m->v = MESSAGE_VERSION;
    m->type = STR_LIT("session.state");
}

/* A session's id is in the topic percent-encoded; the longest one fits. */
static void odd_ids_go_through_topics(void **state)
{
    static const struct {
        const char *id, *part;
    } rows[] = {
        { "shop_1-a", "shop_1-a" }, { "a/b c", "a%2Fb%20c" }, { "S\xc3\xa3o", "S%C3%A3o" },
        { "100%", "100%25" },       { "a%2Fb", "a%252Fb" }, /* two ids are two topics */
    };
    char topic[TOPIC_MAX], longest[SESSION_ID_MAX];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(topic_format("session.state", STR_LIT("main"), str_from(rows[i].id), topic), 0);
        assert_string_equal(topic + strlen("session.state/main/"), rows[i].part);
    }
    memset(longest, '/', sizeof longest);
    longest[SESSION_ID_BYTES_MAX] = '\0';
    assert_int_equal(topic_format("reconnect.succeeded", STR_LIT("main"), str_from(longest), topic), 0);
    assert_int_equal(strlen(topic), strlen("reconnect.succeeded/main/") + 3 * SESSION_ID_BYTES_MAX);
}

static void every_field_comes_back(void **state)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(MESSAGE_BYTES_MAX);
    struct message in, back;

    fill(&in);
    assert_int_equal(message_encode(&in, &out), 0);
    assert_string_equal(buf_str(&out), "session.state/text of bridge/text%20of%20session");
    assert_int_equal(message_decode((struct str){ out.data, out.len }, &back), 0);
#define STR(name)                             \
    assert_int_equal(in.name.n, back.name.n); \
    assert_memory_equal(in.name.p, back.name.p, in.name.n);
#define BIN(name)     STR(name)
#define INT(name)     assert_int_equal(in.name, back.name);
#define X(kind, name) kind(name)
    MESSAGE_FIELDS(X)
#undef X
#undef INT
#undef BIN
#undef STR
}

static void every_allocation_fails_once(void **state)
{
    long live = mem_live();
    struct message in;
    int r = -ENOMEM;

    fill(&in);
    for (long n = 0; r != 0; n++) {
        struct buf out = BUF_INIT(MESSAGE_BYTES_MAX);

        mem_fail_after(n);
        r = message_encode(&in, &out);
        mem_fail_after(-1);
        assert_true(r == 0 || (r == -ENOMEM && n < 10));
        buf_fini(&out);
        assert_int_equal(mem_live(), live);
    }
}

static void what_is_too_long_is_not_sent(void **state)
{
    static char long_text[TOPIC_MAX + 1], body[MESSAGE_BYTES_MAX];
    CLEANUP(buf_fini) struct buf out = BUF_INIT(MESSAGE_BYTES_MAX);
    struct message m;

    memset(long_text, 'a', sizeof long_text);
    message_init(&m);
    m.type = (struct str){ long_text, sizeof long_text };
    assert_int_equal(message_encode(&m, &out), -EMSGSIZE);
    m.type = STR_LIT("session.state");
    m.session = (struct str){ long_text, sizeof long_text };
    assert_int_equal(message_encode(&m, &out), -EMSGSIZE);
    m.session = STR_NULL;
    m.body = (struct str){ body, sizeof body };
    assert_int_equal(message_encode(&m, &out), -EMSGSIZE);
}

static void unset_fields_are_not_sent(void **state)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(MESSAGE_BYTES_MAX);
    struct message in, back;

    message_init(&in);
    in.type = STR_LIT("log.head");
    in.seq = 7;
    assert_int_equal(message_encode(&in, &out), 0);
    assert_string_equal(buf_str(&out), "log.head//");
    assert_int_equal(message_decode((struct str){ out.data, out.len }, &back), 0);
    assert_int_equal(back.seq, 7);
    assert_int_equal(back.occurred_at, MESSAGE_UNSET);
    assert_null(back.cause.p);
    assert_true(out.len < 60);
}

static void the_common_keys_are_always_there(void **state)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(MESSAGE_BYTES_MAX);
    struct message in, back;

    message_init(&in);
    in.type = STR_LIT("bridge.up");
    in.bridge = STR_LIT("main");
    assert_int_equal(message_encode(&in, &out), 0);
    assert_int_equal(message_decode((struct str){ out.data, out.len }, &back), 0);
    assert_true(str_eq(back.bridge, "main"));
    assert_non_null(back.session.p);
    assert_int_equal(back.session.n, 0);
}

static void what_is_not_ours_is_refused(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
    } bad[] = {
        { "", 0 },
        { "no nul at all", 13 },
        { "t\0", 2 },                  /* nothing after the topic */
        { "t\0\x90", 3 },              /* an array */
        { "t\0\x81\xa1v\x02", 6 },     /* an unknown version */
        { "t\0\x80", 3 },              /* no version */
        { "t\0\x81\xa1v\x01\x00", 7 }, /* trailing bytes */
        { "t\0\x82\xa1v\x01\xa2"
          "at\xa1x",
          11 }, /* a number that is text */
        { "t\0\x82\xa1v\x01\xa2"
          "at\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
          18 },                                              /* a number beyond 63 bits */
        { "t\0\x82\xa1v\x01", 6 },                           /* cut short */
        { "t\0\xdf\xff\xff\xff\xff", 7 },                    /* a map that claims four billion entries */
        { "t\0\x82\xa1v\x01\xa1x\xdd\xff\xff\xff\xff", 13 }, /* an unknown key's array likewise */
    };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct message m;

        assert_int_equal(message_decode((struct str){ bad[i].bytes, bad[i].n }, &m), -EBADMSG);
    }
}

static void an_unknown_key_is_skipped(void **state)
{
    struct message m;

    assert_int_equal(message_decode((struct str){ "t\0\x82\xa1v\x01\xa3new\x92\x01\x02", 13 }, &m), 0);
    assert_int_equal(m.v, 1);
}

static void types_are_found_by_their_text(void **state)
{
    for (int t = 0; t < TOPIC_TYPE_N; t++)
        assert_int_equal(topic_type_find(str_from(topic_type_text((enum topic_type)t))), t);
    assert_int_equal(topic_type_find(STR_LIT("message")), -1);
    assert_true(topic_type_is_event(TOPIC_EVENT_OTHER));
    assert_false(topic_type_is_event(TOPIC_LOG_HEAD));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(odd_ids_go_through_topics),        cmocka_unit_test(every_allocation_fails_once),
        cmocka_unit_test(what_is_too_long_is_not_sent),     cmocka_unit_test(every_field_comes_back),
        cmocka_unit_test(unset_fields_are_not_sent),        cmocka_unit_test(what_is_not_ours_is_refused),
        cmocka_unit_test(an_unknown_key_is_skipped),        cmocka_unit_test(types_are_found_by_their_text),
        cmocka_unit_test(the_common_keys_are_always_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
