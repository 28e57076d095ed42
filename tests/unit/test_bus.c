/* The bus over a real hub: message by message for subscribers, in batches for those at the feed. */
#include "tests/unit/cmocka_all.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/io/bus_nng.h"
#include "common/io/loop.h"

#define IN   "ipc://test_bus_in.sock"
#define OUT  "ipc://test_bus_out.sock"
#define FEED "ipc://test_bus_feed.sock"
#define STR_INIT(s)      \
    {                    \
        s, sizeof(s) - 1 \
    }
/* A test gives up after this; it takes some milliseconds. */
#define PATIENCE_MS 20000

struct ear {
    struct bus_sub *sub;
    struct buf heard; /* topics, each with a blank behind it */
    bool leaves;      /* closes itself at the first message */
};

struct world {
    struct loop *loop;
    struct timer *look;
    struct bus_hub *hub;
    struct bus_pub *pub;
    struct ear out, feed;
    const char *wanted_out, *wanted_feed; /* the loop ends when this was heard */
    int64_t deadline_ms;
    struct bus_hub_counts n;
    int subscribers_wanted;
};

static void on_message(void *ctx, struct str message)
{
    struct ear *e = ctx;

    assert_int_equal(buf_addf(&e->heard, "%.*s ", (int)strnlen(message.p, message.n), message.p), 0);
    if (e->leaves) {
        bus_sub_close(e->sub);
        e->sub = NULL;
    }
}

static bool has_heard(const struct ear *e, const char *wanted)
{
    return !wanted || strcmp(buf_str(&e->heard), wanted) == 0;
}

static void on_look(void *ctx)
{
    struct world *w = ctx;

    bus_hub_counts(w->hub, &w->n);
    if (loop_now_ms(w->loop) > w->deadline_ms ||
        (w->n.publishers == 1 && bus_pub_connected(w->pub) && w->n.subscribers == w->subscribers_wanted &&
         has_heard(&w->out, w->wanted_out) && has_heard(&w->feed, w->wanted_feed)))
        loop_stop(w->loop);
    else
        timer_start(w->look, 1);
}

static void run(struct world *w)
{
    w->deadline_ms = loop_now_ms(w->loop) + PATIENCE_MS;
    timer_start(w->look, 1);
    assert_int_equal(loop_run(w->loop), 0);
}

static void expect_messages(struct world *w, const char *out, const char *feed)
{
    w->wanted_out = out;
    w->wanted_feed = feed;
    run(w);
    assert_string_equal(buf_str(&w->out.heard), out);
    assert_string_equal(buf_str(&w->feed.heard), feed);
}

static int open_world(void **state)
{
    static const char *const messages[] = { "message." };
    static const char *const both[] = { "message.", "log." };
    struct world *w = mem_zalloc(sizeof *w);
    const char *failed;

    buf_init(&w->out.heard, 4096);
    buf_init(&w->feed.heard, 4096);
    assert_int_equal(loop_open(&w->loop), 0);
    assert_int_equal(timer_open(w->loop, on_look, w, &w->look), 0);
    assert_int_equal(bus_hub_open(w->loop, IN, OUT, FEED, &w->hub, &failed), 0);
    assert_int_equal(bus_pub_open(IN, &w->pub), 0);
    assert_int_equal(bus_sub_open(w->loop, OUT, messages, 1, on_message, NULL, &w->out, &w->out.sub), 0);
    assert_int_equal(bus_sub_open(w->loop, FEED, both, 2, on_message, NULL, &w->feed, &w->feed.sub), 0);
    w->subscribers_wanted = 2;
    run(w); /* until all have dialled */
    assert_int_equal(w->n.publishers, 1);
    assert_int_equal(w->n.subscribers, 2);
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    struct world *w = *state;

    bus_sub_close(w->out.sub);
    bus_sub_close(w->feed.sub);
    bus_pub_close(w->pub);
    bus_hub_close(w->hub);
    timer_close(w->look);
    assert_int_equal(loop_close(w->loop), 0);
    buf_fini(&w->out.heard);
    buf_fini(&w->feed.heard);
    mem_free(w);
    return 0;
}

static struct str message(const char *topic, size_t n_body)
{
    static char bytes[256 * 1024];
    size_t n = strlen(topic) + 1;

    memset(bytes, 'x', sizeof bytes);
    memcpy(bytes, topic, n);
    return (struct str){ bytes, n + n_body };
}

static void add(struct world *w, const char *topic, size_t n_body)
{
    assert_int_equal(bus_pub_add(w->pub, message(topic, n_body)), 0);
}

/* ---- the tests ------------------------------------------------------------------------------- */

static void test_each_gets_what_it_wants_of_a_batch(void **state)
{
    struct world *w = *state;

    add(w, "message.a", 10);
    add(w, "session.b", 10);
    add(w, "log.c", 0);
    add(w, "message.d", 400);
    assert_int_equal(bus_pub_flush(w->pub), 0);
    expect_messages(w, "message.a message.d ", "message.a log.c message.d ");
}

static void test_one_alone_is_no_batch(void **state)
{
    struct world *w = *state;

    add(w, "message.a", 10);
    assert_int_equal(bus_pub_flush(w->pub), 0);
    assert_int_equal(bus_pub_send(w->pub, message("message.b", 10)), 0);
    expect_messages(w, "message.a message.b ", "message.a message.b ");
}

static void test_order_holds_over_batches_and_large_messages(void **state)
{
    struct world *w = *state;
    struct buf wanted = BUF_INIT(4096);
    char topic[32];

    for (int i = 0; i < 40; i++) {
        (void)snprintf(topic, sizeof topic, "message.%d", i);
        add(w, topic, i % 10 == 7 ? 200 * 1024 : 5 * 1024);
        assert_int_equal(buf_addf(&wanted, "%s ", topic), 0);
    }
    assert_int_equal(bus_pub_send(w->pub, message("message.end", 1)), 0);
    assert_int_equal(buf_adds(&wanted, "message.end "), 0);
    expect_messages(w, buf_str(&wanted), buf_str(&wanted));
    buf_fini(&wanted);
}

static void test_a_subscriber_may_leave_within_a_batch(void **state)
{
    struct world *w = *state;

    w->feed.leaves = true;
    add(w, "message.a", 10);
    add(w, "message.b", 10);
    assert_int_equal(bus_pub_flush(w->pub), 0);
    w->subscribers_wanted = 1;
    expect_messages(w, "message.a message.b ", "message.a ");
    assert_null(w->feed.sub);
}

static void test_without_a_hub_all_is_lost_and_counted(void **state)
{
    struct bus_pub *pub;

    (void)state;
    assert_int_equal(bus_pub_open("ipc://test_bus_nobody.sock", &pub), 0);
    assert_int_equal(bus_pub_add(pub, message("message.a", 10)), 0);
    assert_int_equal(bus_pub_add(pub, message("message.b", 10)), 0);
    assert_int_equal(bus_pub_flush(pub), 2);
    assert_int_equal(bus_pub_flush(pub), 0);
    assert_int_equal(bus_pub_add(pub, message("message.c", 10)), 0);
    assert_int_equal(bus_pub_send(pub, message("message.d", 10)), 2);
    bus_pub_close(pub);
}

/* ---- peers that are not ours ------------------------------------------------------------------ */

/* A connection to an ipc:// address, greeted as a publisher (0x20) or a subscriber (0x21). */
static int dial(const char *url, char kind)
{
    const char greeting[8] = { 0, 'S', 'P', 0, 0, kind };
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    (void)snprintf(a.sun_path, sizeof a.sun_path, "%s", url + strlen("ipc://"));
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(write(fd, greeting, sizeof greeting), sizeof greeting);
    return fd;
}

static bool is_closed(int fd)
{
    char byte[64];
    ssize_t n;

    while ((n = read(fd, byte, sizeof byte)) > 0)
        continue;
    return n == 0 || errno == ECONNRESET;
}

static void on_step(void *ctx)
{
    loop_stop(ctx);
}

/* A millisecond of the loop; then the hub's counts. */
static void step(struct world *w)
{
    struct timer *t;

    assert_int_equal(timer_open(w->loop, on_step, w->loop, &t), 0);
    timer_start(t, 1);
    assert_int_equal(loop_run(w->loop), 0);
    timer_close(t);
    bus_hub_counts(w->hub, &w->n);
}

static void wait_until_closed(struct world *w, int fd)
{
    int64_t deadline_ms = loop_now_ms(w->loop) + PATIENCE_MS;

    while (!is_closed(fd)) {
        assert_true(loop_now_ms(w->loop) < deadline_ms);
        step(w);
    }
    assert_int_equal(close(fd), 0);
    step(w);
}

static void test_a_peer_that_sends_no_message_is_closed_and_counted(void **state)
{
#define FRAME(n) "\1\0\0\0\0\0\0\0" n
    static const struct str wrong[] = {
        STR_INIT(FRAME("\0")),                 /* empty */
        STR_INIT(FRAME("\5") "\0\0\0\0\0"),    /* a batch of an empty message */
        STR_INIT(FRAME("\4") "sess"),          /* its topic does not end */
        STR_INIT(FRAME("\7") "\0\0\0\0\3a\0"), /* a batch that is cut short */
        STR_INIT("\1\0\0\0\1\0\0\0\0"),        /* four gigabytes are announced */
        STR_INIT("\2\0\0\0\0\0\0\0\2a\0"),     /* no frame */
    };
    struct world *w = *state;
    int fd;

    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        fd = dial(IN, 0x20);
        assert_int_equal(write(fd, wrong[i].p, wrong[i].n), wrong[i].n);
        wait_until_closed(w, fd);
        assert_int_equal(w->n.malformed, i + 1);
    }
    wait_until_closed(w, dial(IN, 0x21)); /* a subscriber at the publishers' address */
    fd = dial(OUT, 0x21);                 /* a subscriber that sends */
    assert_int_equal(write(fd, "x", 1), 1);
    wait_until_closed(w, fd);
    assert_int_equal(w->n.malformed, ARRAY_LEN(wrong) + 2);
    add(w, "message.a", 10); /* the others go on */
    assert_int_equal(bus_pub_flush(w->pub), 0);
    expect_messages(w, "message.a ", "message.a ");
}

static void test_a_subscriber_that_does_not_read_is_closed_and_counted(void **state)
{
    struct world *w = *state;
    int fd = dial(OUT, 0x21), sent = 0;
    int64_t most = 0;

    while (w->n.subscribers < 3)
        step(w);
    for (; w->n.slow == 0 && sent < 5000; step(w)) {
        sent += bus_pub_send(w->pub, message("unwanted", 200 * 1024)) == 0;
        most = w->n.waiting_bytes > most ? w->n.waiting_bytes : most;
    }
    assert_int_equal(w->n.slow, 1);
    assert_in_range(most, BUS_SUBSCRIBER_BYTES_MAX / 2, BUS_HUB_BYTES_MAX);
    wait_until_closed(w, fd);
    while (w->n.waiting_bytes > 0)
        step(w);
    assert_int_equal(bus_pub_send(w->pub, message("message.after", 1)), 0);
    w->wanted_out = "message.after ";
    expect_messages(w, "message.after ", "message.after ");
}

/* In memory of its own size, so that the address sanitizer sees a read past its end. */
static struct str exact(const char *bytes, size_t n)
{
    char *copy = mem_alloc(n);

    memcpy(copy, bytes, n);
    return (struct str){ copy, n };
}

static void test_no_byte_past_a_message_is_compared(void **state)
{
    static const char *const prefixes[] = { "session.", "s" };
    static const struct {
        const char *bytes;
        size_t n;
        bool first, both;
    } cases[] = {
        { "s", 1, false, true },        { "sess", 4, false, true }, { "session.", 8, true, true },
        { "session.x", 9, true, true }, { "x", 1, false, false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str m = exact(cases[i].bytes, cases[i].n);

        assert_int_equal(bus_topic_matches(m, prefixes, 1), cases[i].first);
        assert_int_equal(bus_topic_matches(m, prefixes, 2), cases[i].both);
        mem_free((char *)m.p);
    }
    assert_false(bus_topic_matches((struct str){ "", 0 }, prefixes, 2));
}

static void test_what_the_hub_passes_on(void **state)
{
    static const struct {
        struct str message;
        bool valid;
    } cases[] = {
        { STR_INIT("log.head//\0\201"), true },
        { STR_INIT("log.head//\0"), true },
        { STR_INIT("log.head//"), false },   /* its topic does not end */
        { STR_INIT("log head//\0"), false }, /* a blank in it */
        { STR_INIT(""), false },             /* empty */
        { STR_INIT("\0"), false },           /* a batch of nothing */
        { STR_INIT("\0\0\0\0\2a\0"), true },
        { STR_INIT("\0\0\0\0\2a\0\0\0\0\2b\0"), true },
        { STR_INIT("\0\0\0\0\2a\0\0\0\0\0"), false },    /* an empty message in it */
        { STR_INIT("\0\0\0\0\2a\0\0\0\0\3b\0"), false }, /* cut short */
        { STR_INIT("\0\0\0\0\2a\0x"), false },           /* a byte left over */
        { STR_INIT("\0\0\0\0\7\0\0\0\0\2a\0"), false },  /* a batch in a batch */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str m = exact(cases[i].message.p, cases[i].message.n);

        assert_int_equal(bus_message_is_valid(m), cases[i].valid);
        mem_free((char *)m.p);
    }
}

static void test_a_batch_that_is_cut_short_ends(void **state)
{
    static const char whole[] = "\0\0\0\3abc\0\0\0\0\0\0\0\2de";
    static const struct {
        size_t n;
        int messages;
    } cases[] = {
        { 0, 0 }, { 3, 0 }, { 6, 0 }, { 7, 1 }, { 10, 1 }, { 11, 2 }, { 16, 2 }, { sizeof whole - 1, 3 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct str rest = { whole, cases[i].n };
        struct str one;
        int n = 0;

        while (bus_batch_next(&rest, &one))
            n++;
        assert_int_equal(n, cases[i].messages);
    }
    assert_false(bus_batch_next(&(struct str){ "\xff\xff\xff\xff", 4 }, &(struct str){ 0 }));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_each_gets_what_it_wants_of_a_batch, open_world, close_world),
        cmocka_unit_test_setup_teardown(test_one_alone_is_no_batch, open_world, close_world),
        cmocka_unit_test_setup_teardown(test_order_holds_over_batches_and_large_messages, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(test_a_subscriber_may_leave_within_a_batch, open_world, close_world),
        cmocka_unit_test_setup_teardown(test_a_peer_that_sends_no_message_is_closed_and_counted, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(test_a_subscriber_that_does_not_read_is_closed_and_counted,
                                        open_world, close_world),
        cmocka_unit_test(test_without_a_hub_all_is_lost_and_counted),
        cmocka_unit_test(test_a_batch_that_is_cut_short_ends),
        cmocka_unit_test(test_no_byte_past_a_message_is_compared),
        cmocka_unit_test(test_what_the_hub_passes_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
