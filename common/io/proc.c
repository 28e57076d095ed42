#include "common/io/proc.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "common/base/mem.h"
#include "common/io/loop_uv.h"

/* Entries of our own environment that are passed on, at most. */
#define ENV_MAX 512

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
    (void)uv_process_kill(&p->process, SIGKILL);
}

/* Our environment and the extra entries; the pointers are borrowed. */
static char **merge_env(const char *const env[])
{
    char **all = mem_zalloc(sizeof *all * (ENV_MAX + 1));
    int n = 0;

    if (!all)
        return NULL;
    for (int i = 0; env && env[i] && n < ENV_MAX; i++)
        all[n++] = (char *)env[i];
    for (int i = 0; environ[i] && n < ENV_MAX; i++)
        all[n++] = environ[i];
    return all;
}

int proc_run(struct loop *l, const char *const argv[], const char *const env[], int64_t timeout_ms,
             void (*done)(void *ctx, int status), void *ctx, struct proc **ret)
{
    CLEANUP(mem_freep) char **all_env = merge_env(env);
    uv_stdio_container_t stdio[3] = { { .flags = UV_IGNORE },
                                      { .flags = UV_INHERIT_FD, .data.fd = 1 },
                                      { .flags = UV_INHERIT_FD, .data.fd = 2 } };
    uv_process_options_t options = { .exit_cb = on_exit_status,
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
