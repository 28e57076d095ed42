/* Where in the log to begin, and how its rows look as lines. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/base/utf8.h"
#include "common/store/events_log.h"
#include "common/store/store.h"
#include "services/cli/event_range.h"
#include "services/cli/output.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/test_folder.h"

#define T0     1800000000000LL
#define EVENTS 5000
#define SECOND 1000LL

static char dir[] = "/tmp/zk_history_XXXXXX";
static struct event_reader *reader;

/* Event n is received n seconds after T0; each hundredth is a session.qr. */
static int setup(void **state)
{
    struct event_log *log = NULL;
    int64_t pid = 0;

    (void)state;
    assert_non_null(test_folder(dir));
    assert_int_equal(event_log_open(dir, &log, &pid), 0);
    assert_int_equal(event_log_begin(log), 0);
    for (int i = 1; i <= EVENTS; i++) {
        uint8_t digest[EVENT_DIGEST_BYTES] = { 0 };
        struct event_new e = { .at = T0 + i * SECOND,
                               .type = i % 100 == 0 ? STR_LIT("session.qr") : STR_LIT("message.read"),
                               .bridge = STR_LIT("main"),
                               .session = STR_LIT("s"),
                               .message_id = STR_LIT(""),
                               .body = STR_LIT("{}"),
                               .key_digest = digest };
        int64_t seq;

        memcpy(digest, &i, sizeof i);
        assert_int_equal(event_log_append(log, &e, &seq), 0);
    }
    assert_int_equal(event_log_commit(log), 0);
    event_log_close(log);
    assert_int_equal(event_reader_open(dir, &reader), 0);
    return 0;
}

static int teardown(void **state)
{
    static const char *const files[] = { "events.db", "events.db-wal", "events.db-shm", "events.db-id",
                                         "events.lock" };
    char path[128];

    (void)state;
    event_reader_close(reader);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        (void)unlink(path);
    }
    return rmdir(dir);
}

static const struct {
    struct event_range range;
    const char *type;
    int64_t seq, skip;
} starts[] = {
    { { .since = "" }, "", EVENTS + 1, 0 },
    { { .from = 1, .since = "" }, "", 1, 0 },
    { { .from = 4000, .since = "" }, "", 4000, 0 },
    { { .from = 999999, .since = "" }, "", EVENTS + 1, 0 },
    { { .since = "10s" }, "", EVENTS - 10, 0 },
    { { .since = "2027-01-15T08:00:00Z" }, "", 1, 0 },
    { { .since = "2027-01-15T08:00:30.5Z" }, "", 31, 0 },
    { { .since = "2099-01-01" }, "", EVENTS + 1, 0 },
    { { .from = 3, .since = "10s" }, "", EVENTS - 10, 0 },
    { { .from = EVENTS - 2, .since = "10s" }, "", EVENTS - 2, 0 },
};

static void test_where_to_begin(void **state)
{
    int64_t now = T0 + EVENTS * SECOND;

    for (size_t i = 0; i < ARRAY_LEN(starts); i++) {
        int64_t seq = -1;
        int64_t skip = -1;

        assert_int_equal(event_range_start(reader, &starts[i].range, NULL, now, &seq, &skip), 0);
        assert_int_equal(seq, starts[i].seq);
        assert_int_equal(skip, starts[i].skip);
    }
}

static void test_since_that_makes_no_sense(void **state)
{
    static const char *const bad[] = { "yesterday", "10x", "-5m", "2027-13-01", "12:00" };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct event_range h = { .since = bad[i] };
        int64_t seq;
        int64_t skip;

        assert_int_equal(event_range_start(reader, &h, NULL, T0, &seq, &skip), -EINVAL);
    }
}

/* The newest N that match, wherever they are. */
static void test_last(void **state)
{
    static const struct {
        int64_t last;
        const char *type;
        int64_t first; /* seq of the first that is shown */
        int64_t n;
    } rows[] = {
        { 1, "", EVENTS, 1 },         { 600, "", EVENTS - 599, 600 },        { 99999, "", 1, EVENTS },
        { 1, "session.", EVENTS, 1 }, { 30, "session.", EVENTS - 2900, 30 }, { 99, "session.", 100, 50 },
        { 3, "nothing.", 0, 0 },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(event_rows_fini) struct event_rows got = EVENT_ROWS_NULL;
        struct event_filter filter = { .type_prefix = str_from(rows[i].type) };
        struct event_range h = { .last = rows[i].last, .since = "" };
        int64_t seq = 0;
        int64_t skip = 0;
        int64_t n = 0;
        int64_t first = 0;

        assert_int_equal(event_range_start(reader, &h, &filter, T0, &seq, &skip), 0);
        do {
            assert_int_equal(event_read(reader, seq, &filter, 256, &got), 0);
            for (int k = 0; k < got.n; k++) {
                if (skip > 0) {
                    skip--;
                    continue;
                }
                first = first ? first : got.rows[k].seq;
                n++;
            }
            seq = got.next_seq;
        } while (seq <= got.head_seq);
        assert_int_equal(first, rows[i].first);
        assert_int_equal(n, rows[i].n);
    }
}

/* ---- lines ----------------------------------------------------------------------------------- */

static const struct event event = {
    .seq = 7,
    .id = "evt_0123abcd_7",
    .at = T0,
    .occurred_at = T0 - 1,
    .type = { "message.received", 16 },
    .bridge = { "main", 4 },
    .session = { "s1", 2 },
    .message_id = { "A\x1b[31m\xc2\x9b", 8 },
    .body = { "{ \"a\" :\n [1,  2] }", 18 },
};

static void test_event_as_json(void **state)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(OUTPUT_LINE_MAX);

    output_event(&event, true, 0, &out);
    assert_string_equal(
        buf_str(&out),
        "{\"seq\":7,\"id\":\"evt_0123abcd_7\",\"at\":1800000000000,\"occurred_at\":1799999999999,"
        "\"type\":\"message.received\",\"bridge\":\"main\",\"session\":\"s1\","
        "\"message_id\":\"A\\u001b[31m\\u009b\",\"body\":{\"a\":[1,2]}}\n");
}

static void test_event_as_text_cannot_steer_a_terminal(void **state)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(OUTPUT_LINE_MAX);

    output_event(&event, false, 0, &out);
    assert_string_equal(buf_str(&out), "       7  2027-01-15T08:00:00.000Z  message.received        main/s1  "
                                       "A?[31m?  {\"a\":[1,2]}\n");
}

static void test_event_without_texts(void **state)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(OUTPUT_LINE_MAX);
    struct event e = event;

    e.session = e.message_id = STR_LIT("");
    e.occurred_at = 0;
    output_event(&e, true, 0, &out);
    assert_non_null(strstr(buf_str(&out), "\"session\":null,\"message_id\":null,"));
    assert_null(strstr(buf_str(&out), "occurred_at"));
}

static void test_a_body_that_is_no_json_is_a_text(void **state)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(OUTPUT_LINE_MAX);
    struct event e = event;

    e.body = STR_LIT("\xff{");
    output_event(&e, true, 0, &out);
    assert_non_null(strstr(buf_str(&out), "\"body\":\"\xef\xbf\xbd{\"}"));
}

static void test_a_long_body_is_cut_between_characters(void **state)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(OUTPUT_LINE_MAX);
    CLEANUP(buf_fini) struct buf body = BUF_INIT(OUTPUT_LINE_MAX);
    struct event e = event;

    (void)buf_adds(&body, "\"");
    for (int i = 0; i < 1000; i++)
        (void)buf_adds(&body, "\xe2\x82\xac");
    (void)buf_adds(&body, "\"");
    e.body = (struct str){ body.data, body.len };
    output_event(&e, false, 0, &out);
    assert_true(out.len < 400);
    assert_true(utf8_is_valid(out.data, out.len));
    assert_non_null(strstr(buf_str(&out), "...\n"));
}

static void test_a_terminal_gets_who_and_the_first_words(void **state)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(OUTPUT_LINE_MAX);
    struct event e = event;
    const char *line;

    e.body = STR_LIT("{\"sessionId\":\"s1\",\"data\":{\"from\":\"551188@s.whatsapp.net\",\"text\":\"hi "
                     "\\u001b[31m there, this "
                     "goes on and on, further than any terminal is wide\"}}");
    output_event(&e, false, 80, &out);
    line = strstr(buf_str(&out), "message.received");
    assert_non_null(line);
    assert_non_null(strstr(line, "main/s1  551188: hi ?[31m there"));
    assert_null(strchr(buf_str(&out), '\x1b'));
    assert_in_range(out.len, 80, 84); /* a line break, and the three bytes of "…" */
    assert_non_null(strstr(buf_str(&out), "…\n"));
}

static void test_a_terminal_gets_a_change_of_state_in_words(void **state)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(OUTPUT_LINE_MAX);
    struct message m;

    message_init(&m);
    m.type = STR_LIT("session.state");
    m.at = T0;
    m.bridge = STR_LIT("main");
    m.session = STR_LIT("s1");
    m.from = STR_LIT("connected");
    m.to = STR_LIT("disconnected");
    m.cause = STR_LIT("connection-lost");
    output_message(&m, false, 100, &out);
    assert_non_null(strstr(buf_str(&out), "main/s1  connected -> disconnected (connection-lost)"));
}

static void test_messages(void **state)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(OUTPUT_LINE_MAX);
    struct message m;

    message_init(&m);
    m.type = STR_LIT("session.state");
    m.at = T0;
    m.bridge = STR_LIT("main");
    m.session = STR_LIT("s1");
    m.from = STR_LIT("connected");
    m.to = STR_LIT("disconnected");
    m.attempt = 3;
    output_message(&m, false, 0, &out);
    assert_string_equal(buf_str(&out), "2027-01-15T08:00:00.000Z  session.state           main/s1  "
                                       "from=connected  to=disconnected  attempt=3\n");
    buf_reset(&out);
    output_message(&m, true, 0, &out);
    assert_string_equal(buf_str(&out),
                        "{\"v\":1,\"at\":1800000000000,\"type\":\"session.state\",\"bridge\":\"main\","
                        "\"session\":\"s1\",\"from\":\"connected\",\"to\":\"disconnected\",\"attempt\":3}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_where_to_begin),
        cmocka_unit_test(test_since_that_makes_no_sense),
        cmocka_unit_test(test_last),
        cmocka_unit_test(test_event_as_json),
        cmocka_unit_test(test_event_as_text_cannot_steer_a_terminal),
        cmocka_unit_test(test_event_without_texts),
        cmocka_unit_test(test_a_body_that_is_no_json_is_a_text),
        cmocka_unit_test(test_a_long_body_is_cut_between_characters),
        cmocka_unit_test(test_a_terminal_gets_who_and_the_first_words),
        cmocka_unit_test(test_a_terminal_gets_a_change_of_state_in_words),
        cmocka_unit_test(test_messages),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
