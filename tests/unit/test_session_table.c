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
#include "services/monitor/session_table.h"

#define N 1000

static void name(int i, char ret[16])
{
    (void)snprintf(ret, 16, "s-%d", i);
}

static void test_find(void **state)
{
    struct session_table *b = NULL;
    struct tracked_session *s;
    char id[16];

    assert_int_equal(session_table_new(&b), 0);
    for (int i = 0; i < N; i++) {
        name(i, id);
        assert_null(session_table_find(b, id));
        assert_int_equal(session_table_add(b, id, 5, &s), 0);
        assert_string_equal(s->id, id);
        assert_int_equal(s->known.state, SESSION_STATE_N);
    }
    for (int i = 0; i < N; i += 2) { /* every second one goes */
        name(i, id);
        session_table_remove(b, session_table_find(b, id));
    }
    assert_int_equal(session_table_count(b), N / 2);
    for (int i = 0; i < N; i++) {
        name(i, id);
        s = session_table_find(b, id);
        assert_int_equal(s != NULL, i % 2);
        if (s)
            assert_ptr_equal(session_table_at(b, s->index), s);
    }
    session_table_free(b);
}

/* Undoing a changeset must not tear the chains, also when sessions were added meanwhile. */
static void test_restore(void **state)
{
    struct tracked_session *s, *other, before;
    struct session_table *b = NULL;
    char id[16];

    assert_int_equal(session_table_new(&b), 0);
    assert_int_equal(session_table_add(b, "first", 5, &s), 0);
    before = *s;
    for (int i = 0; i < N; i++) {
        name(i, id);
        assert_int_equal(session_table_add(b, id, 5, &other), 0);
    }
    s->known.state = SESSION_LOST;
    session_table_restore(s, &before);
    assert_int_equal(s->known.state, SESSION_STATE_N);
    for (int i = 0; i < N; i++) {
        name(i, id);
        assert_non_null(session_table_find(b, id));
    }
    assert_ptr_equal(session_table_find(b, "first"), s);
    session_table_free(b);
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
    struct tracked_session *s;
    long live = mem_live();

    for (long n = 0;; n++) {
        struct session_table *b = NULL;
        int r;

        mem_fail_after(n);
        r = session_table_new(&b);
        for (int i = 0; r == 0 && i < 200; i++) {
            char id[16];

            name(i, id);
            r = session_table_add(b, id, 5, &s);
        }
        mem_fail_after(-1);
        session_table_free(b);
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
