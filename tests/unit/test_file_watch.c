/* Files that others write, as the kernel tells of them. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/io/file_watch.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/test_folder.h"

#define PATIENCE_MS 5000

static char dir[64];
static struct loop *loop;
static int calls;

static int setup(void **state)
{
    (void)snprintf(dir, sizeof dir, "/tmp/zk-watch-XXXXXX");
    assert_non_null(test_folder(dir));
    assert_int_equal(loop_open(&loop), 0);
    calls = 0;
    return 0;
}

static int teardown(void **state)
{
    static const char *const files[] = { "a", "b" };
    char path[128];

    assert_int_equal(loop_close(loop), 0);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        (void)unlink(path);
    }
    return rmdir(dir);
}

static int make(const char *file)
{
    char path[128];
    int fd;

    (void)snprintf(path, sizeof path, "%s/%s", dir, file);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    return fd;
}

static void on_event(void *ctx)
{
    calls++;
    loop_stop(loop);
}

static void on_patience(void *ctx)
{
    loop_stop(loop);
}

/* How often it was called until the first call, or within @ms. */
static int calls_within(int64_t ms)
{
    struct timer *t;

    calls = 0;
    assert_int_equal(timer_open(loop, on_patience, NULL, &t), 0);
    timer_start(t, ms);
    assert_int_equal(loop_run(loop), 0);
    timer_close(t);
    return calls;
}

static void test_a_file_is_closed_after_writing(void **state)
{
    struct file_watch *w = NULL;
    int fd;

    assert_int_equal(file_watch_open(loop, dir, "a", FILE_WATCH_CLOSED, on_event, NULL, &w), 0);
    fd = make("a"); /* it was not there */
    assert_int_equal(write(fd, "x", 1), 1);
    assert_int_equal(calls_within(20), 0);
    (void)close(fd);
    assert_int_equal(calls_within(PATIENCE_MS), 1);
    (void)close(make("b"));
    fd = make("a");
    assert_int_equal(futimens(fd, NULL), 0);
    assert_int_equal(calls_within(20), 0);
    (void)close(fd);
    assert_int_equal(calls_within(PATIENCE_MS), 1);
    file_watch_close(w);
}

static void test_the_times_of_a_file_are_set(void **state)
{
    struct file_watch *w = NULL;
    int fd = make("a"), other = make("b");

    assert_int_equal(file_watch_open(loop, dir, "a", FILE_WATCH_TIMES, on_event, NULL, &w), 0);
    assert_int_equal(futimens(other, NULL), 0);
    assert_int_equal(calls_within(20), 0);
    assert_int_equal(futimens(fd, NULL), 0);
    assert_int_equal(calls_within(PATIENCE_MS), 1);
    file_watch_close(w);
    (void)close(fd);
    (void)close(other);
}

static void test_what_is_not_there(void **state)
{
    struct file_watch *w = NULL;

    assert_int_equal(file_watch_open(loop, "/nowhere", "a", FILE_WATCH_CLOSED, on_event, NULL, &w), -ENOENT);
    assert_int_equal(file_watch_open(loop, dir, "a", FILE_WATCH_TIMES, on_event, NULL, &w), -ENOENT);
    assert_null(w);
    file_watch_close(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_file_is_closed_after_writing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_times_of_a_file_are_set, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_not_there, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
