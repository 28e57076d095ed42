/* Signs of life: written, found, missed, removed by an orderly stop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
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

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_life) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
