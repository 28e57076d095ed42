/* The sessions in memory: found, added, removed, in any order. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/mem.h"
#include "services/monitor/book.h"

#define N 1000

static void name(int i, char ret[16])
{
    (void)snprintf(ret, 16, "s-%d", i);
}

static void test_find(void **state)
{
    struct book *b = NULL;
    struct held_session *s;
    char id[16];

    assert_int_equal(book_new(&b), 0);
    for (int i = 0; i < N; i++) {
        name(i, id);
        assert_null(book_find(b, id));
        assert_int_equal(book_add(b, id, 5, &s), 0);
        assert_string_equal(s->id, id);
        assert_int_equal(s->held.state, SESSION_STATE_N);
    }
    for (int i = 0; i < N; i += 2) { /* every second one goes */
        name(i, id);
        book_remove(b, book_find(b, id));
    }
    assert_int_equal(book_count(b), N / 2);
    for (int i = 0; i < N; i++) {
        name(i, id);
        s = book_find(b, id);
        assert_int_equal(s != NULL, i % 2);
        if (s)
            assert_ptr_equal(book_at(b, s->place), s);
    }
    book_free(b);
}

/* Putting back what a round changed must not tear the chains, whatever was added meanwhile. */
static void test_restore(void **state)
{
    struct held_session *s, *other, before;
    struct book *b = NULL;
    char id[16];

    assert_int_equal(book_new(&b), 0);
    assert_int_equal(book_add(b, "first", 5, &s), 0);
    before = *s;
    for (int i = 0; i < N; i++) {
        name(i, id);
        assert_int_equal(book_add(b, id, 5, &other), 0);
    }
    s->held.state = SESSION_LOST;
    book_restore(s, &before);
    assert_int_equal(s->held.state, SESSION_STATE_N);
    for (int i = 0; i < N; i++) {
        name(i, id);
        assert_non_null(book_find(b, id));
    }
    assert_ptr_equal(book_find(b, "first"), s);
    book_free(b);
}

static void test_shape(void **state)
{
    uint64_t shape = shape_of("connected", "551", "Bob");

    assert_true(shape == shape_of("connected", "551", "Bob"));
    assert_true(shape != shape_of("connecteD", "551", "Bob"));
    assert_true(shape != shape_of("connected", "55", "1Bob"));
    assert_true(shape != shape_of("connected", "551", ""));
    assert_true(shape_of("", "", "") != 0);
}

static void test_every_allocation_fails(void **state)
{
    struct held_session *s;
    long live = mem_live();

    for (long n = 0;; n++) {
        struct book *b = NULL;
        int r;

        mem_fail_after(n);
        r = book_new(&b);
        for (int i = 0; r == 0 && i < 200; i++) {
            char id[16];

            name(i, id);
            r = book_add(b, id, 5, &s);
        }
        mem_fail_after(-1);
        book_free(b);
        assert_int_equal(mem_live(), live);
        if (r == 0)
            break;
        assert_int_equal(r, -ENOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_find), cmocka_unit_test(test_restore),
                                        cmocka_unit_test(test_shape),
                                        cmocka_unit_test(test_every_allocation_fails) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
