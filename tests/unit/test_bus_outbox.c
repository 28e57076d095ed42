/* The blocks that the hub holds for its subscribers: shared, in order, and counted in bytes. */
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/io/bus_outbox.h"

/* Takes up to @max bytes as a socket would, and appends them to @out. */
static void take(struct bus_outbox *o, struct bus_reader *r, size_t max, struct buf *out)
{
    struct str next = bus_outbox_peek(r);
    size_t n = next.n < max ? next.n : max;

    assert_int_equal(buf_add(out, next.p, n), 0);
    bus_outbox_sent(o, r, n);
}

static void add(struct bus_outbox *o, const char *text)
{
    assert_int_equal(bus_outbox_add(o, str_from(text)), 0);
}

static void assert_bytes(const struct buf *b, const void *bytes, size_t n)
{
    assert_int_equal(b->len, n);
    assert_memory_equal(b->data, bytes, n);
}

static void test_messages_are_framed(void **state)
{
    static const char tcp[] = "\0\0\0\0\0\0\0\2ab\0\0\0\0\0\0\0\1c";
    static const char ipc[] = "\1\0\0\0\0\0\0\0\2ab\1\0\0\0\0\0\0\0\1c";

    (void)state;
    for (int unix_frames = 0; unix_frames < 2; unix_frames++) {
        CLEANUP(buf_fini) struct buf got = BUF_INIT(4096);
        struct bus_outbox o;
        struct bus_reader r;

        bus_outbox_init(&o, unix_frames, 64);
        bus_outbox_join(&o, &r);
        add(&o, "ab");
        add(&o, "c");
        bus_outbox_close_block(&o);
        take(&o, &r, 4096, &got);
        assert_bytes(&got, unix_frames ? ipc : tcp, unix_frames ? sizeof ipc - 1 : sizeof tcp - 1);
        bus_outbox_leave(&o, &r);
        bus_outbox_fini(&o);
    }
    assert_int_equal(mem_live(), 0);
}

static void test_without_readers_nothing_is_held(void **state)
{
    struct bus_outbox o;

    (void)state;
    bus_outbox_init(&o, false, 64);
    add(&o, "nobody");
    bus_outbox_close_block(&o);
    assert_int_equal(o.bytes, 0);
    bus_outbox_fini(&o);
    assert_int_equal(mem_live(), 0);
}

/* However a socket takes them, the bytes are those that were added. */
static void test_partial_writes_lose_nothing(void **state)
{
    (void)state;
    for (size_t step = 1; step < 40; step += 3) {
        CLEANUP(buf_fini) struct buf got = BUF_INIT(SIZE_MAX / 2), want = BUF_INIT(SIZE_MAX / 2);
        struct bus_outbox o;
        struct bus_reader r;

        bus_outbox_init(&o, false, 64);
        bus_outbox_join(&o, &r);
        for (int i = 0; i < 200; i++) {
            char text[16];
            uint8_t frame[8] = { 0 };

            frame[7] = (uint8_t)snprintf(text, sizeof text, "m%d", i);
            (void)buf_add(&want, (const char *)frame, sizeof frame);
            (void)buf_adds(&want, text);
            add(&o, text);
            if (i % 7 == 0)
                bus_outbox_close_block(&o);
            if (i % 3 == 0)
                take(&o, &r, step, &got);
        }
        bus_outbox_close_block(&o);
        while (r.behind > 0)
            take(&o, &r, step, &got);
        assert_bytes(&got, want.data, want.len);
        assert_int_equal(o.bytes, 0);
        bus_outbox_leave(&o, &r);
        bus_outbox_fini(&o);
    }
    assert_int_equal(mem_live(), 0);
}

static void test_the_slowest_reader_holds_memory_for_all(void **state)
{
    struct buf got = BUF_INIT(SIZE_MAX / 2);
    struct bus_reader slow, fast, late;
    struct bus_outbox o;
    char big[10000];

    (void)state;
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    bus_outbox_init(&o, false, 64);
    bus_outbox_join(&o, &slow);
    bus_outbox_join(&o, &fast);
    for (int i = 0; i < 1000; i++) {
        add(&o, big);
        bus_outbox_close_block(&o);
        take(&o, &fast, SIZE_MAX, &got);
    }
    bus_outbox_join(&o, &late);
    assert_ptr_equal(bus_outbox_slowest(&o), &slow);
    assert_int_equal(slow.behind, 1000 * (8 + sizeof big - 1));
    assert_int_equal(fast.behind, 0);
    assert_int_equal(late.behind, 0);
    assert_in_range(o.bytes, slow.behind,
                    slow.behind + slow.behind / 50); /* small change beside the messages */
    bus_outbox_leave(&o, &slow);
    assert_int_equal(o.bytes, 0);
    bus_outbox_leave(&o, &fast);
    bus_outbox_leave(&o, &late);
    bus_outbox_fini(&o);
    buf_fini(&got);
    assert_int_equal(mem_live(), 0);
}

/* Notifications that come one a turn cost a block each, which is cut to its size. */
static void test_small_blocks_are_cut_to_their_size(void **state)
{
    struct bus_outbox o;
    struct bus_reader r;

    (void)state;
    bus_outbox_init(&o, false, 64);
    bus_outbox_join(&o, &r);
    for (int i = 0; i < 100; i++) {
        add(&o, "small");
        bus_outbox_close_block(&o);
    }
    assert_true(o.bytes < 100 * 100);
    bus_outbox_leave(&o, &r);
    bus_outbox_fini(&o);
    assert_int_equal(mem_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages_are_framed),
        cmocka_unit_test(test_without_readers_nothing_is_held),
        cmocka_unit_test(test_partial_writes_lose_nothing),
        cmocka_unit_test(test_the_slowest_reader_holds_memory_for_all),
        cmocka_unit_test(test_small_blocks_are_cut_to_their_size),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
