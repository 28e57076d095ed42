/* Signs of life: written, found, missed, removed by an orderly stop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/app/heartbeat.h"
#include "tests/unit/test_folder.h"

static void test_life(void **state)
{
    char dir[] = "/tmp/zk-heartbeat-XXXXXX", path[128];
    struct clock_stepped clock;
    struct heartbeat *h = NULL;
    int64_t age = -1;

    assert_non_null(test_folder(dir));
    clock_stepped_init(&clock, 1700000000000, 5000000, "boot");
    assert_int_equal(heartbeat_find(dir, "monitor", &clock.clock, &age), HEARTBEAT_NONE);
    assert_int_equal(heartbeat_open(dir, "monitor", &clock.clock, &h), 0);
    clock_step(&clock, HEARTBEAT_DEAD_MS);
    assert_int_equal(heartbeat_find(dir, "monitor", &clock.clock, &age), HEARTBEAT_ALIVE);
    assert_int_equal(age, HEARTBEAT_DEAD_MS);
    assert_int_equal(heartbeat_find(dir, "mon", &clock.clock, NULL), HEARTBEAT_NONE);
    clock_step(&clock, 1);
    assert_int_equal(heartbeat_find(dir, "monitor", &clock.clock, NULL), HEARTBEAT_DEAD);
    heartbeat_write(h);
    assert_int_equal(heartbeat_find(dir, "monitor", &clock.clock, NULL), HEARTBEAT_ALIVE);

    /* of another start of the machine, however young it looks */
    clock_stepped_init(&clock, 1700000000000, 5000000, "another");
    assert_int_equal(heartbeat_find(dir, "monitor", &clock.clock, NULL), HEARTBEAT_DEAD);

    heartbeat_close(h);
    assert_int_equal(heartbeat_find(dir, "monitor", &clock.clock, NULL), HEARTBEAT_NONE);
    (void)snprintf(path, sizeof path, "%s/alive", dir);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rmdir(dir), 0);
}

/* A file that was written a moment ago by process @pid of this machine, or of another one. */
static void leave_file(const char *dir, const char *machine, long pid, const char *boot_id, char ret[256])
{
    FILE *f;

    (void)snprintf(ret, 256, "%s/alive/monitor.%s.%ld", dir, machine, pid);
    f = fopen(ret, "w");
    assert_non_null(f);
    (void)fprintf(f, "%s 0\n", boot_id);
    assert_int_equal(fclose(f), 0);
}

/* The number of a process that has ended. */
static long ended_pid(void)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    return (long)pid;
}

/* It was killed and started again within seconds; its orderly stop, later, is nobody's problem. */
static void test_killed_and_started_again(void **state)
{
    char dir[] = "/tmp/zk-heartbeat-XXXXXX", killed[256], elsewhere[256], alive[256], path[128],
         host[65] = "";
    struct clock_stepped clock;
    struct heartbeat *h = NULL;

    assert_non_null(test_folder(dir));
    (void)snprintf(path, sizeof path, "%s/alive", dir);
    assert_int_equal(mkdir(path, 0750), 0);
    assert_int_equal(gethostname(host, sizeof host), 0);
    clock_stepped_init(&clock, 1700000000000, 0, "boot");
    leave_file(dir, host, ended_pid(), "boot", killed);
    leave_file(dir, host, (long)getppid(), "boot", alive);
    leave_file(dir, "another-machine", 1, "boot", elsewhere);

    assert_int_equal(heartbeat_open(dir, "monitor", &clock.clock, &h), 0);
    assert_int_equal(access(killed, F_OK), -1);
    assert_int_equal(unlink(alive), 0);
    assert_int_equal(unlink(elsewhere), 0);

    /* its own file is removed by another: the next sign of life makes it again */
    (void)snprintf(alive, sizeof alive, "%s/alive/monitor.%s.%ld", dir, host, (long)getpid());
    assert_int_equal(unlink(alive), 0);
    heartbeat_write(h);
    assert_int_equal(heartbeat_find(dir, "monitor", &clock.clock, NULL), HEARTBEAT_ALIVE);
    heartbeat_close(h);
    assert_int_equal(heartbeat_find(dir, "monitor", &clock.clock, NULL), HEARTBEAT_NONE);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_life),
                                        cmocka_unit_test(test_killed_and_started_again) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
