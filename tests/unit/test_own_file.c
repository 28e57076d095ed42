/* Files of the data folder: neither links nor files of others, and one program at a time. */
#include "tests/unit/cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/instance_lock.h"
#include "common/base/mem.h"
#include "common/base/own_file.h"
#include "tests/unit/test_folder.h"

static char dir[64];

static const char *in(const char *file)
{
    static char path[128];

    assert_int_equal(own_path(dir, file, path, sizeof path), 0);
    return path;
}

static int setup(void **state)
{
    (void)snprintf(dir, sizeof dir, "/tmp/zk_own_XXXXXX");
    assert_non_null(test_folder(dir));
    return 0;
}

static int teardown(void **state)
{
    static const char *const files[] = { "a", "link", "hard", "pipe", "lock" };

    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        (void)unlink(in(files[i]));
    (void)rmdir(in("folder"));
    return rmdir(dir);
}

static void make(const char *file)
{
    int fd = open(in(file), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    (void)close(fd);
}

static void a_file_of_ours_is_opened(void **state)
{
    struct stat st;
    int fd;

    (void)umask(0027);
    assert_int_equal(own_file_check(dir, "a"), 0); /* not there yet */
    assert_int_equal(own_file_open(dir, "a", O_RDWR, 0, &fd), -ENOENT);
    assert_int_equal(own_file_open(dir, "a", O_RDWR | O_CREAT, 0666, &fd), 0);
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    (void)close(fd);
    assert_int_equal(own_file_check(dir, "a"), 0);
}

static void what_leads_elsewhere_is_refused(void **state)
{
    char from[128];
    int fd = -1;

    make("a");
    assert_int_equal(symlink("a", in("link")), 0);
    assert_int_equal(mkdir(in("folder"), 0700), 0);
    assert_int_equal(mkfifo(in("pipe"), 0600), 0);
    assert_int_equal(own_file_open(dir, "link", O_RDWR | O_CREAT, 0640, &fd), -ELOOP);
    assert_int_equal(own_file_check(dir, "link"), -ELOOP);
    assert_int_equal(own_file_open(dir, "pipe", O_RDONLY, 0, &fd), -EPERM);
    assert_int_equal(own_file_check(dir, "folder"), -EPERM);
    (void)snprintf(from, sizeof from, "%s", in("a"));
    assert_int_equal(link(from, in("hard")), 0);
    assert_int_equal(own_file_open(dir, "a", O_RDWR, 0, &fd), -EPERM);
    assert_int_equal(own_file_check(dir, "hard"), -EPERM);
    assert_int_equal(fd, -1);
}

/* Who runs this program and who has the folder, as it is told; 0: as it is. The test needs no root for that. */
static uid_t told_user, told_folder_owner;

uid_t __real_geteuid(void);
uid_t __wrap_geteuid(void);
uid_t __wrap_geteuid(void)
{
    return told_user ? told_user : __real_geteuid();
}

int __real_stat(const char *path, struct stat *ret);
int __wrap_stat(const char *path, struct stat *ret);
int __wrap_stat(const char *path, struct stat *ret)
{
    int r = __real_stat(path, ret);

    if (told_folder_owner)
        ret->st_uid = told_folder_owner;
    return r;
}

/* Root may use the files of the folder's owner, not those of a third one. */
static void a_file_of_another_user_is_refused(void **state)
{
    int fd, r;

    make("a");
    told_user = 1234;
    told_folder_owner = 4321;
    r = own_file_open(dir, "a", O_RDWR, 0, &fd);
    told_folder_owner = 0;
    assert_int_equal(r, -EPERM);
    r = own_file_open(dir, "a", O_RDWR, 0, &fd);
    told_user = 0;
    assert_int_equal(r, 0);
    (void)close(fd);
}

static void a_path_is_never_cut(void **state)
{
    char path[8];

    assert_int_equal(own_path("/abc", "de", path, sizeof path), 0);
    assert_string_equal(path, "/abc/de");
    assert_int_equal(own_path("/abc", "def", path, sizeof path), -ENAMETOOLONG);
}

static void a_lock_is_held_by_one_and_let_go_by_death(void **state)
{
    int to_parent[2], to_child[2], fd = -1, status;
    int64_t pid = 0;
    char byte = 0;
    pid_t child;

    assert_int_equal(instance_lock_is_taken(dir, "lock"), 0);
    assert_int_equal(pipe(to_parent) | pipe(to_child), 0);
    child = fork();
    if (child == 0) {
        int held;

        byte = instance_lock_take(dir, "lock", &held, NULL) == 0;
        (void)!write(to_parent[1], &byte, 1);
        (void)!read(to_child[0], &byte, 1);
        _exit(0);
    }
    assert_int_equal(read(to_parent[0], &byte, 1), 1);
    assert_int_equal(byte, 1);
    assert_int_equal(instance_lock_take(dir, "lock", &fd, &pid), INSTANCE_LOCK_TAKEN);
    assert_int_equal(fd, -1);
    assert_int_equal(pid, child);
    assert_int_equal(instance_lock_is_taken(dir, "lock"), INSTANCE_LOCK_TAKEN);
    assert_int_equal(write(to_child[1], "x", 1), 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(instance_lock_take(dir, "lock", &fd, &pid), 0);
    (void)close(fd);
    assert_int_equal(instance_lock_is_taken(dir, "lock"), 0);
    for (int i = 0; i < 2; i++) {
        (void)close(to_parent[i]);
        (void)close(to_child[i]);
    }
}

static void a_lock_that_is_a_link_is_refused(void **state)
{
    int fd;

    make("a");
    assert_int_equal(symlink("a", in("lock")), 0);
    assert_int_equal(instance_lock_take(dir, "lock", &fd, NULL), -ELOOP);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_file_of_ours_is_opened),
        T(what_leads_elsewhere_is_refused),
        T(a_file_of_another_user_is_refused),
        T(a_path_is_never_cut),
        T(a_lock_is_held_by_one_and_let_go_by_death),
        T(a_lock_that_is_a_link_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
