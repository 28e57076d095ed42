/* Acknowledgements since the last commit, across a kill -9. */
#include "tests/unit/cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/store/acks.h"
#include "tests/unit/test_folder.h"

#define KEY 0x1122334455667788

struct found {
    const struct acks *a;
    int n;
    int64_t sum, newest;
};

static char dir[64];

static int make_dir(void **state)
{
    (void)snprintf(dir, sizeof dir, "/tmp/zk-acks-XXXXXX");
    return test_folder(dir) ? 0 : -1;
}

static void path_of(char ret[128])
{
    (void)snprintf(ret, 128, "%s/%s", dir, ACKS_FILE);
}

static int remove_dir(void **state)
{
    char path[128];

    path_of(path);
    (void)unlink(path);
    return rmdir(dir);
}

static struct acks *open_with(uint64_t key)
{
    struct acks *a = NULL;

    assert_int_equal(acks_open(dir, key, &a), 0);
    return a;
}

/* When an event came. */
static int64_t at_of(int64_t seq)
{
    return 1700000000000 + 3 * seq;
}

static bool add(struct acks *a, int64_t destination, int64_t seq)
{
    return acks_add(a, destination, seq, at_of(seq));
}

static void on_entry(void *ctx, const struct ack *e)
{
    struct found *f = ctx;

    if (!acks_match(f->a, e, e->seq, at_of(e->seq)))
        return;
    assert_false(acks_match(f->a, e, e->seq, at_of(e->seq) + 1)); /* a log that was put back and went on */
    assert_false(acks_match(f->a, e, e->seq + 1, at_of(e->seq)));
    f->n++;
    f->sum += e->seq;
    f->newest = e->seq > f->newest ? e->seq : f->newest;
}

static struct found find(uint64_t key, int64_t destination)
{
    struct acks *a = open_with(key);
    struct found f = { .a = a };

    acks_each(a, destination, on_entry, &f);
    acks_close(a);
    return f;
}

static void what_is_written_is_found_again(void **state)
{
    struct acks *a = open_with(KEY);

    assert_false(add(a, 1, 5)); /* it may be ahead of the commits */
    acks_committed(a);
    assert_true(acks_are_written(a));
    assert_true(add(a, 1, 17) && add(a, 2, 18));
    assert_false(acks_are_written(a));
    assert_int_equal(acks_write(a), 0);
    assert_true(add(a, 1, 19));
    assert_int_equal(acks_write(a), 0);
    assert_true(acks_are_written(a));
    assert_true(add(a, 1, 1000)); /* not written */
    acks_close(a);
    assert_int_equal(find(KEY, 1).n, 2);
    assert_int_equal(find(KEY, 1).sum, 17 + 19);
    assert_int_equal(find(KEY, 2).sum, 18);
    assert_int_equal(find(KEY, 3).n, 0);
}

static void what_belongs_to_another_store_is_not_found(void **state)
{
    struct acks *a = open_with(KEY);

    acks_committed(a);
    assert_true(add(a, 1, 17));
    assert_int_equal(acks_write(a), 0);
    acks_close(a);
    assert_int_equal(find(KEY + 1, 1).n, 0);
    assert_int_equal(find(KEY, 1).n, 1);
}

/* Nothing is overwritten that no commit holds, and the file does not grow. */
static void it_is_full_until_a_commit(void **state)
{
    struct acks *a = open_with(KEY);
    struct stat st;
    char path[128];

    acks_committed(a);
    for (int lap = 0; lap < 3; lap++) {
        for (int64_t seq = 1; seq <= ACKS_MAX; seq++)
            assert_true(add(a, 1, lap * ACKS_MAX + seq));
        assert_false(add(a, 1, 1));
        assert_int_equal(acks_write(a), 0);
        assert_false(add(a, 1, 1));
        assert_int_equal(find(KEY, 1).n, ACKS_MAX);
        assert_int_equal(find(KEY, 1).newest, (lap + 1) * ACKS_MAX);
        acks_committed(a);
    }
    acks_close(a);
    path_of(path);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, ACKS_MAX * 16);
}

static void what_the_disk_made_of_it_is_passed_over(void **state)
{
    struct acks *a = open_with(KEY);
    char path[128], junk[64];
    int fd;

    acks_committed(a);
    assert_true(add(a, 1, 17) && add(a, 1, 18));
    assert_int_equal(acks_write(a), 0);
    acks_close(a);
    path_of(path);
    fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    for (int byte = 0; byte < 16; byte++) { /* any one of the first entry is wrong */
        assert_int_equal(pread(fd, junk, 1, byte), 1);
        junk[0] ^= 4;
        assert_int_equal(pwrite(fd, junk, 1, byte), 1);
        assert_int_equal(find(KEY, 1).sum, 18);
        junk[0] ^= 4;
        assert_int_equal(pwrite(fd, junk, 1, byte), 1);
    }
    assert_int_equal(find(KEY, 1).sum, 17 + 18);
    assert_int_equal(ftruncate(fd, 16 + 7), 0); /* cut short: the rest is none */
    assert_int_equal(find(KEY, 1).sum, 17);
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_int_equal(find(KEY, 1).n, 0);
    assert_int_equal(close(fd), 0);
}

static void a_disk_that_takes_nothing_is_told(void **state)
{
    struct acks *a = NULL;

    assert_int_equal(acks_open("/does/not/exist", KEY, &a), -ENOENT);
    assert_int_equal(acks_open("/proc", KEY, &a), -ENOENT);
    assert_null(a);
    acks_close(NULL);
}

/* Files of this program end there; the kernel writes what fits, as on a disk that fills. */
static void cut_files_at(rlim_t bytes)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A commit has to hold them then. */
static void a_write_that_ends_early_is_an_error(void **state)
{
    struct acks *a = open_with(KEY);
    int r;

    acks_committed(a);
    assert_true(add(a, 1, 17) && add(a, 1, 18));
    cut_files_at(16 + 7);
    r = acks_write(a);
    cut_files_at(RLIM_INFINITY);
    assert_int_equal(r, -ENOSPC);
    assert_false(acks_are_written(a));
    assert_int_equal(acks_write(a), 0);
    assert_true(acks_are_written(a));
    acks_close(a);
    assert_int_equal(find(KEY, 1).sum, 17 + 18);
}

#define T(name) cmocka_unit_test_setup_teardown(name, make_dir, remove_dir)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(what_is_written_is_found_again),    T(what_belongs_to_another_store_is_not_found),
        T(it_is_full_until_a_commit),         T(what_the_disk_made_of_it_is_passed_over),
        T(a_disk_that_takes_nothing_is_told), T(a_write_that_ends_early_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
