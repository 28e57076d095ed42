#include "common/io/proc.h"

#include <errno.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "common/base/mem.h"
#include "common/io/loop_uv.h"

/* The part of our environment that a program needs. All else stays here: settings hold keys and tokens. */
static const char *const passed_on[] = { "PATH",
                                         "HOME",
                                         "USER",
                                         "LOGNAME",
                                         "SHELL",
                                         "LANG",
                                         "LC_ALL",
                                         "TZ",
                                         "TMPDIR",
                                         "XDG_RUNTIME_DIR",
                                         "DBUS_SESSION_BUS_ADDRESS",
                                         "DOCKER_HOST" };
/* Entries of the caller, at most. */
#define EXTRA_MAX 16

struct proc {
    uv_process_t process;
    uv_timer_t timer;
    int open_handles; /* the memory goes with the last */
    bool timed_out;
    void (*done)(void *ctx, int status);
    void *ctx;
};

static void on_handle_closed(uv_handle_t *h)
{
    struct proc *p = h->data;

    if (--p->open_handles == 0)
        mem_free(p);
}

static void close_handles(struct proc *p)
{
    uv_close((uv_handle_t *)&p->timer, on_handle_closed);
    uv_close((uv_handle_t *)&p->process, on_handle_closed);
}

static void on_exit_status(uv_process_t *h, int64_t status, int signum)
{
    struct proc *p = h->data;
    int result = p->timed_out ? -ETIMEDOUT : (signum ? -EINTR : (int)status);

    close_handles(p);
    p->done(p->ctx, result);
}

static void on_timeout(uv_timer_t *t)
{
    struct proc *p = t->data;

    p->timed_out = true;
    (void)kill(-p->process.pid, SIGKILL); /* the group: its own children end with it */
}

static char *find_env(const char *name)
{
    size_t n = strlen(name);

    for (int i = 0; environ[i]; i++) {
        if (strncmp(environ[i], name, n) == 0 && environ[i][n] == '=')
            return environ[i];
    }
    return NULL;
}

/* The extra entries and the part of our environment that is passed on; the pointers are borrowed. */
static char **make_env(const char *const extra[])
{
    char **all = mem_zalloc(sizeof *all * (EXTRA_MAX + ARRAY_LEN(passed_on) + 1));
    int n = 0;

    if (!all)
        return NULL;
    for (int i = 0; extra && extra[i] && n < EXTRA_MAX; i++)
        all[n++] = (char *)extra[i];
    for (size_t i = 0; i < ARRAY_LEN(passed_on); i++) {
        char *entry = find_env(passed_on[i]);

        if (entry)
            all[n++] = entry;
    }
    return all;
}

int proc_run(struct loop *l, const char *const argv[], const char *const env[], int64_t timeout_ms,
             void (*done)(void *ctx, int status), void *ctx, struct proc **ret)
{
    CLEANUP(mem_freep) char **all_env = make_env(env);
    uv_stdio_container_t stdio[3] = { { .flags = UV_IGNORE },
                                      { .flags = UV_INHERIT_FD, .data.fd = 1 },
                                      { .flags = UV_INHERIT_FD, .data.fd = 2 } };
    uv_process_options_t options = { .exit_cb = on_exit_status,
                                     .flags = UV_PROCESS_DETACHED, /* a process group of its own */
                                     .file = argv[0],
                                     .args = (char **)argv,
                                     .env = all_env,
                                     .stdio = stdio,
                                     .stdio_count = 3 };
    struct proc *p = all_env ? mem_zalloc(sizeof *p) : NULL;
    int r;

    if (!p)
        return -ENOMEM;
    p->done = done;
    p->ctx = ctx;
    p->open_handles = 2;
    p->process.data = p->timer.data = p;
    (void)uv_timer_init(loop_uv(l), &p->timer);
    /* Libraries may have opened descriptors without O_CLOEXEC; the program gets none but 0 to 2. */
    (void)close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
    r = uv_spawn(loop_uv(l), &p->process, &options);
    if (r != 0) {
        close_handles(p);
        return r;
    }
    (void)uv_timer_start(&p->timer, on_timeout, (uint64_t)timeout_ms, 0);
    *ret = p;
    return 0;
}

void proc_let_go(struct proc *p)
{
    if (p)
        close_handles(p);
}
