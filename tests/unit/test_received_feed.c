/* Messages of several bridges in one log: each bridge gets those of its own sessions, the newest of each, once. */
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/store/events_log.h"
#include "common/store/store.h"
#include "services/monitor/received_feed.h"
#include "tests/unit/test_folder.h"

struct seen {
    char text[256];
};

static void on_received(void *ctx, struct str session, int64_t at)
{
    struct seen *s = ctx;
    size_t n = strlen(s->text);

    (void)snprintf(s->text + n, sizeof s->text - n, "%.*s@%lld ", (int)session.n, session.p, (long long)at);
}

static void add(struct event_log *log, const char *type, const char *bridge, const char *session, int64_t at)
{
    uint8_t digest[16] = { (uint8_t)at, (uint8_t)(at >> 8) };
    const struct event_new e = { .at = at,
                                 .type = str_from(type),
                                 .bridge = str_from(bridge),
                                 .session = str_from(session),
                                 .message_id = STR_LIT(""),
                                 .body = STR_LIT("{}"),
                                 .key_time_ms = at,
                                 .key_digest = digest };
    int64_t seq;

    assert_int_equal(event_log_begin(log), 0);
    assert_int_equal(event_log_append(log, &e, &seq), 0);
    assert_int_equal(event_log_commit(log), 0);
}

static void take(struct received_feed *f, struct seen *a, struct seen *b, const char *want_a,
                 const char *want_b)
{
    a->text[0] = b->text[0] = '\0';
    assert_true(received_feed_read(f));
    assert_string_equal(a->text, want_a);
    assert_string_equal(b->text, want_b);
}

static void test_each_bridge_gets_its_own(void **state)
{
    char dir[] = "/tmp/zk-received-XXXXXX";
    struct monitor_settings settings = { .app = { .store = "" } };
    const struct monitor_context m = { .settings = &settings };
    struct seen a = { "" }, b = { "" };
    struct received_feed *f;
    struct event_log *log;
    int64_t pid;

    assert_non_null(test_folder(dir));
    settings.app.data_dir = dir;
    assert_int_equal(received_feed_open(&m, &f), 0);
    assert_int_equal(received_feed_add(f, "a", on_received, &a), 0);
    assert_int_equal(received_feed_add(f, "b", on_received, &b), 0);
    assert_false(received_feed_read(f)); /* there is no log yet */
    assert_int_equal(event_log_open(dir, &log, &pid), 0);
    add(log, "message.received", "a", "s1", 1);
    take(f, &a, &b, "", ""); /* from the end of the log on */

    add(log, "message.received", "a", "s1", 2);
    add(log, "message.received", "b", "s1", 3);
    add(log, "message.received", "a", "s1", 4);
    add(log, "message.sent", "b", "s2", 5);
    add(log, "message.received", "c", "s1", 6); /* nobody watches it */
    add(log, "message.received", "b", "s2", 7);
    take(f, &a, &b, "s1@4 ", "s1@3 s2@7 ");
    take(f, &a, &b, "", "");

    received_feed_remove(f, &a);
    add(log, "message.received", "a", "s1", 8);
    add(log, "message.received", "b", "s1", 9);
    take(f, &a, &b, "", "s1@9 ");

    received_feed_close(f);
    event_log_close(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_each_bridge_gets_its_own) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
