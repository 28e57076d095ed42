/* The meaning of a bridge's answer to a reconnect call for the session; a claim that took too long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/base/mem.h"
#include "common/bridge/drivers.h"
#include "services/reconnect-worker/call.h"
#include "services/reconnect-worker/startup.h"
#include "tests/unit/test_folder.h"

static void test_an_answer_counts_against_the_session_only_when_it_is_about_it(void **state)
{
    assert_int_equal(call_outcome(0), ATTEMPT_CALLED);
    assert_int_equal(call_outcome(BRIDGE_NO_ROUTE), ATTEMPT_NO_METHOD);
    assert_int_equal(call_outcome(BRIDGE_NO_ANSWER), ATTEMPT_BRIDGE_FAULT);
    assert_int_equal(call_outcome(BRIDGE_BROKEN), ATTEMPT_BRIDGE_FAULT);
    assert_int_equal(call_outcome(BRIDGE_GARBAGE), ATTEMPT_BRIDGE_FAULT);
    assert_int_equal(call_outcome(BRIDGE_UNAUTHORIZED), ATTEMPT_BRIDGE_FAULT); /* the key is wrong for all */
    assert_int_equal(call_outcome(BRIDGE_REFUSED), ATTEMPT_REFUSED);
}

static int over;

static void on_over(struct worker_bridge *b)
{
    over++;
}

/* A worker that was stopped between claim and call: by the time it goes on another one may have the session. */
static void test_a_claim_that_took_too_long_is_not_called_for(void **state)
{
    char dir[] = "/tmp/zk-call-XXXXXX", data_dir[64], command[64];
    char program[] = "x", quiet[] = "--log=error", no_admin[] = "--admin-listen=off",
         url[] = "--whatsapp-api-url=http://127.0.0.1:1", driver[] = "--whatsapp-bridge=contract";
    char *argv[] = { program, quiet, no_admin, url, driver, data_dir, NULL };
    struct claim claim = { .session = "s1", .token = 1 };
    static struct worker w = WORKER_NULL;
    struct worker_bridge *b;
    int64_t now;

    assert_non_null(test_folder(dir));
    (void)snprintf(data_dir, sizeof data_dir, "--data-dir=%s", dir);
    assert_int_equal(worker_open(&w, APP_START(6, argv)), 0);
    b = container_of(w.bridges.next, struct worker_bridge, link);
    b->driver = bridge_driver_find("contract");
    now = app_clock(w.app)->boot_ms(app_clock(w.app));
    call_start(b, &claim, now - b->settings->policy.policy.sent_ms, on_over);
    assert_int_equal(over, 1); /* at once: nothing was sent, and the end of the attempt is recorded */
    assert_int_equal(b->n_calls, 0);
    call_start(b, &claim, now, on_over);
    assert_int_equal(b->n_calls, 1);
    w.closing = true;
    worker_close(&w);
    assert_int_equal(app_close(w.app, 0), 0);
    (void)snprintf(command, sizeof command, "rm -r %s", dir);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): a folder of our own */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_answer_counts_against_the_session_only_when_it_is_about_it),
        cmocka_unit_test(test_a_claim_that_took_too_long_is_not_called_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
