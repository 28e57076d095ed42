/* Restarting a bridge: how the setting is read, when it is allowed, and its result. */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/io/proc.h"
#include "services/reconnect-worker/call.h"
#include "services/reconnect-worker/hook.h"

#define UNIX "unix:///run/docker.sock"

static void the_setting_is_taken_apart(void **state)
{
    static const struct {
        const char *hook, *docker_host;
        int r;
        enum hook_kind kind;
        const char *target, *url, *socket;
    } rows[] = {
        { "", UNIX, 0, HOOK_NONE, "", "", "" },
        { "docker:zapw", UNIX, 0, HOOK_DOCKER, "zapw", "http://docker", "/run/docker.sock" },
        { "docker:my_zapw-1.a", "tcp://proxy:2375", 0, HOOK_DOCKER, "my_zapw-1.a", "http://proxy:2375", "" },
        { "systemd:zapw@main.service", "", 0, HOOK_SYSTEMD, "zapw@main.service", "", "" },
        { "exec:/usr/local/bin/restart zapw", "", 0, HOOK_EXEC, "/usr/local/bin/restart zapw", "", "" },
        { "zapw", UNIX, -EINVAL, 0, "", "", "" },
        { "docker:", UNIX, -EINVAL, 0, "", "", "" },
        { "docker:../images", UNIX, -EINVAL, 0, "", "", "" },
        { "docker:a/b", UNIX, -EINVAL, 0, "", "", "" },
        { "docker:a?b", UNIX, -EINVAL, 0, "", "", "" },
        { "docker:-a", UNIX, -EINVAL, 0, "", "", "" },
        { "docker:a", "ssh://host", -EINVAL, 0, "", "", "" },
        { "docker:a", "tcp://host", -EINVAL, 0, "", "", "" },
        { "docker:a", "tcp://host:1/x", -EINVAL, 0, "", "", "" },
        { "docker:a", "unix://relative", -EINVAL, 0, "", "", "" },
        { "systemd:--user", "", -EINVAL, 0, "", "", "" },
        { "systemd:a b", "", -EINVAL, 0, "", "", "" },
        { "exec:restart", "", -EINVAL, 0, "", "", "" },
        { "exec:", "", -EINVAL, 0, "", "", "" },
        { "Docker:a", UNIX, -EINVAL, 0, "", "", "" },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct hook_settings s = { .hook = rows[i].hook, .docker_host = rows[i].docker_host };
        CLEANUP(buf_fini) struct buf problem = BUF_INIT(1000);
        struct hook h = { 0 };

        if (hook_parse(&s, &problem, &h) != rows[i].r)
            fail_msg("%s at %s: %s", rows[i].hook, rows[i].docker_host, buf_str(&problem));
        assert_int_equal(problem.len > 0, rows[i].r != 0);
        assert_int_equal(h.kind, rows[i].kind);
        assert_string_equal(h.target, rows[i].target);
        assert_string_equal(h.docker_url, rows[i].url);
        assert_string_equal(h.docker_unix, rows[i].socket);
    }
}

static void a_bridge_that_serves_many_is_not_restarted(void **state)
{
    static const struct {
        int64_t connected, starting, disconnected, logged_out, max;
        bool may;
        int percent;
    } rows[] = {
        { 0, 0, 1, 0, 20, true, 0 },
        { 1, 0, 4, 0, 20, true, 20 },
        { 1, 0, 3, 0, 20, false, 25 },
        { 1, 1, 3, 0, 20, true, 20 },
        { 0, 0, 1, 0, 0, true, 0 },
        { 1, 0, 99, 0, 0, false, 1 },
        { 9, 0, 1, 0, 100, true, 90 },
        { 0, 0, 0, 0, 20, true, 0 },
        /* a hundred that need a person do not make it right to drop the only good one */
        { 1, 0, 1, 100, 20, false, 50 },
        { 2, 0, 8, 0, 20, true, 20 },
        { 201, 0, 799, 0, 20, false, 20 },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const int64_t count[SESSION_STATE_N] = { [SESSION_CONNECTED] = rows[i].connected,
                                                 [SESSION_STARTING] = rows[i].starting,
                                                 [SESSION_DISCONNECTED] = rows[i].disconnected,
                                                 [SESSION_LOGGED_OUT] = rows[i].logged_out };
        int percent = -1;

        if (hook_may_restart(count, rows[i].max, &percent) != rows[i].may || percent != rows[i].percent)
            fail_msg("row %zu: %d percent", i, percent);
    }
}

/* -- programs -- */

struct seen {
    struct loop *loop;
    struct hook_result result;
    int n;
    bool returned;
};

static void on_done(void *ctx, const struct hook_result *r)
{
    struct seen *s = ctx;

    assert_true(s->returned);
    s->result = *r;
    s->n++;
    loop_stop(s->loop);
}

static struct hook_result run(const char *program)
{
    struct hook h = { .kind = HOOK_EXEC };
    struct hook_run *hook = NULL;
    struct seen s = { 0 };
    long before = mem_live();

    (void)snprintf(h.target, sizeof h.target, "%s", program);
    assert_int_equal(loop_open(&s.loop), 0);
    assert_int_equal(hook_run(&h, s.loop, NULL, "main", on_done, &s, &hook), 0);
    s.returned = true;
    assert_int_equal(loop_run(s.loop), 0);
    assert_int_equal(s.n, 1);
    assert_int_equal(loop_close(s.loop), 0);
    assert_int_equal(mem_live(), before);
    return s.result;
}

static void a_program_s_exit_status_is_the_answer(void **state)
{
    struct hook_result r = run("/bin/true");

    assert_true(r.restarted);
    r = run("/bin/false");
    assert_false(r.restarted);
    assert_int_equal(r.sent_ms, 0);
    assert_string_equal(r.message, "/bin/false ended with exit status 1");
}

static void a_program_that_is_not_there_was_never_run(void **state)
{
    struct hook_result r = run("/nonexistent/restart");

    assert_false(r.restarted);
    assert_int_equal(r.sent_ms, -1);
    assert_string_equal(r.message, "cannot run /nonexistent/restart: No such file or directory");
}

/* A program with this text; the caller unlinks it. */
static void make_program(const char *script, char path[])
{
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, script, strlen(script)), (ssize_t)strlen(script));
    assert_int_equal(fchmod(fd, 0700), 0);
    assert_int_equal(close(fd), 0);
}

static void the_program_is_told_the_bridge(void **state)
{
    char path[] = "/tmp/hookXXXXXX";

    make_program("#!/bin/sh\n[ \"$1\" = main ] && [ $# = 1 ]\n", path);
    assert_true(run(path).restarted);
    (void)unlink(path);
}

/* Somebody stops us: it runs on by itself, and nothing of it is left here. */
static void a_slow_program_can_be_left_alone(void **state)
{
    for (int drop = 0; drop < 2; drop++) {
        char path[] = "/tmp/hookXXXXXX";
        struct hook h = { .kind = HOOK_EXEC };
        struct hook_run *hook = NULL;
        struct seen s = { 0 };
        long before = mem_live();

        make_program("#!/bin/sh\nrm -f \"$0\"; exec sleep 1\n", path);
        (void)snprintf(h.target, sizeof h.target, "%s", path);
        assert_int_equal(loop_open(&s.loop), 0);
        assert_int_equal(hook_run(&h, s.loop, NULL, "main", on_done, &s, &hook), 0);
        s.returned = true;
        if (drop)
            assert_true(hook_drop(hook));
        else
            hook_let_go(hook);
        assert_int_equal(s.n, 0);
        if (!drop)
            assert_int_equal(loop_run(s.loop), 0);
        assert_int_equal(s.n, !drop);
        assert_int_equal(s.result.restarted, !drop);
        assert_int_equal(loop_close(s.loop), 0);
        assert_int_equal(mem_live(), before);
    }
}

/* A program of somebody else gets no key, and no descriptor that could write into our files. */
static void a_program_inherits_neither_secrets_nor_descriptors(void **state)
{
    char path[] = "/tmp/hookXXXXXX";
    int fd = open("/dev/null", O_RDWR); /* without O_CLOEXEC */

    assert_true(fd > 2);
    assert_int_equal(setenv("WHATSAPP_API_KEY", "marked-secret", 1), 0);
    make_program("#!/bin/sh\n"
                 "[ -n \"$PATH\" ] || exit 3\n"
                 "env | grep -q marked-secret && exit 4\n"
                 "for f in /proc/self/fd/*; do [ \"$(readlink \"$f\")\" = /dev/null ] && [ \"${f##*/}\" -gt "
                 "2 ] && exit 5; "
                 "done\n"
                 "exit 0\n",
                 path);
    assert_string_equal(run(path).message + strlen(path), " has restarted the bridge");
    (void)unsetenv("WHATSAPP_API_KEY");
    (void)unlink(path);
    (void)close(fd);
}

/* Not as a zombie that nobody has collected yet. */
static bool is_running(int pid)
{
    char path[64], state = 'Z';
    FILE *f;

    (void)snprintf(path, sizeof path, "/proc/%d/stat", pid);
    f = fopen(path, "r");
    if (f && fscanf(f, "%*d %*s %c", &state) != 1)
        state = 'Z';
    if (f)
        (void)fclose(f);
    return state != 'Z';
}

static void on_proc_done(void *ctx, int status)
{
    struct seen *s = ctx;

    s->n = status;
    loop_stop(s->loop);
}

/* The time limit ends children of the program, too. */
static void a_program_ends_with_all_that_it_started(void **state)
{
    char path[] = "/tmp/hookXXXXXX", pid_path[] = "/tmp/hookpidXXXXXX";
    const char *const argv[] = { path, pid_path, NULL };
    struct seen s = { 0 };
    struct proc *proc;
    char text[32] = "";
    int fd = mkstemp(pid_path), pid;

    assert_true(fd >= 0);
    make_program("#!/bin/sh\nsleep 60 & echo $! > $1; wait\n", path);
    assert_int_equal(loop_open(&s.loop), 0);
    assert_int_equal(proc_run(s.loop, argv, NULL, 500, on_proc_done, &s, &proc), 0);
    assert_int_equal(loop_run(s.loop), 0);
    assert_int_equal(s.n, -ETIMEDOUT);
    assert_int_equal(loop_close(s.loop), 0);
    assert_true(pread(fd, text, sizeof text - 1, 0) > 0);
    pid = (int)strtol(text, NULL, 10);
    for (int i = 0; i < 200 && is_running(pid); i++)
        (void)usleep(10 * 1000);
    assert_false(is_running(pid));
    (void)unlink(path);
    (void)unlink(pid_path);
    (void)close(fd);
}

static void no_hook_runs_nothing(void **state)
{
    struct hook h = { .kind = HOOK_NONE };
    struct hook_run *hook;

    assert_int_equal(hook_run(&h, NULL, NULL, "main", on_done, NULL, &hook), -EINVAL);
}

/* The drawing in call.h, move by move. */
static void an_attempt_makes_only_the_moves_that_are_drawn(void **state)
{
    static const bool drawn[CALL_STEP_N][CALL_STEP_N] = {
        [CALL_STARTED] = { [CALL_CALLING] = true, [CALL_RECORDING] = true },
        [CALL_CALLING] = { [CALL_CALLING] = true, [CALL_RECORDING] = true, [CALL_OVER] = true },
        [CALL_RECORDING] = { [CALL_RECORDING] = true, [CALL_OVER] = true },
    };

    for (int from = 0; from < CALL_STEP_N; from++) {
        for (int to = 0; to < CALL_STEP_N; to++)
            assert_int_equal(call_step_may_follow((enum call_step)from, (enum call_step)to), drawn[from][to]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_setting_is_taken_apart),
        cmocka_unit_test(a_bridge_that_serves_many_is_not_restarted),
        cmocka_unit_test(a_program_s_exit_status_is_the_answer),
        cmocka_unit_test(a_program_that_is_not_there_was_never_run),
        cmocka_unit_test(the_program_is_told_the_bridge),
        cmocka_unit_test(a_slow_program_can_be_left_alone),
        cmocka_unit_test(a_program_inherits_neither_secrets_nor_descriptors),
        cmocka_unit_test(a_program_ends_with_all_that_it_started),
        cmocka_unit_test(no_hook_runs_nothing),
        cmocka_unit_test(an_attempt_makes_only_the_moves_that_are_drawn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
