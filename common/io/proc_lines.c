/*
 * Two pipes and a process; the memory goes with the last handle. The exit is reported when both pipes are at their end too, so
 * that no line comes after it.
 */
#include "common/io/proc_lines.h"

#include <errno.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/io/loop_uv.h"

#define READ_BYTES     (64 * 1024)
#define ERROR_TEXT_MAX 600

struct proc_lines {
    struct proc_lines_spec spec;
    uv_process_t process;
    uv_timer_t timer;
    uv_pipe_t out, err;
    int open_handles; /* the memory goes with the last */
    int ends;         /* of process, stdout and stderr */
    int status;
    bool timed_out, stopped;
    struct buf line;
    char error[ERROR_TEXT_MAX];
    size_t error_n;
    bool error_ended; /* the next byte begins a new line */
};

static char read_buffer[READ_BYTES];

static void on_closed(uv_handle_t *h)
{
    struct proc_lines *p = h->data;

    if (--p->open_handles > 0)
        return;
    buf_fini(&p->line);
    mem_free(p);
}

static void close_all(struct proc_lines *p)
{
    uv_handle_t *const all[] = { (uv_handle_t *)&p->process, (uv_handle_t *)&p->timer, (uv_handle_t *)&p->out,
                                 (uv_handle_t *)&p->err };

    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        if (!uv_is_closing(all[i]))
            uv_close(all[i], on_closed);
    }
}

static void give_line(struct proc_lines *p)
{
    if (p->line.len > 0 && !p->stopped)
        p->spec.on_line(p->spec.ctx, (struct str){ buf_str(&p->line), p->line.len });
    buf_reset(&p->line);
}

static void end_one(struct proc_lines *p)
{
    if (++p->ends < 3 || p->stopped)
        return;
    give_line(p);
    p->stopped = true;
    p->spec.on_exit(p->spec.ctx, p->status, p->error);
    close_all(p);
}

static void on_alloc(uv_handle_t *h, size_t hint, uv_buf_t *ret)
{
    *ret = uv_buf_init(read_buffer, sizeof read_buffer);
}

static void on_out(uv_stream_t *stream, ssize_t n, const uv_buf_t *bytes)
{
    struct proc_lines *p = stream->data;
    const char *at = bytes->base;

    if (n < 0) {
        (void)uv_read_stop(stream);
        end_one(p);
        return;
    }
    while (n > 0 && !p->stopped) {
        const char *end = memchr(at, '\n', (size_t)n);
        size_t part = end ? (size_t)(end - at) : (size_t)n;

        (void)buf_add(&p->line, at, part);
        if (end)
            give_line(p);
        at += part + (end != NULL);
        n -= (ssize_t)part + (end != NULL);
    }
}

/* Keeps the beginning of the last line. */
static void on_err(uv_stream_t *stream, ssize_t n, const uv_buf_t *bytes)
{
    struct proc_lines *p = stream->data;

    if (n < 0) {
        (void)uv_read_stop(stream);
        end_one(p);
        return;
    }
    for (ssize_t i = 0; i < n; i++) {
        if (bytes->base[i] == '\n') {
            p->error_ended = true;
            continue;
        }
        if (p->error_ended)
            p->error_n = 0;
        p->error_ended = false;
        if (p->error_n + 1 < sizeof p->error)
            p->error[p->error_n++] = bytes->base[i];
        p->error[p->error_n] = '\0';
    }
}

static void on_exit_status(uv_process_t *h, int64_t status, int signum)
{
    struct proc_lines *p = h->data;

    p->status = p->timed_out ? -ETIMEDOUT : (signum ? -EINTR : (int)status);
    end_one(p);
}

static void on_timeout(uv_timer_t *t)
{
    struct proc_lines *p = t->data;

    p->timed_out = true;
    (void)kill(-p->process.pid, SIGKILL);
}

static void init_handles(struct loop *l, struct proc_lines *p)
{
    uv_loop_t *loop = loop_uv(l);

    p->process.data = p->timer.data = p->out.data = p->err.data = p;
    p->open_handles = 4;
    (void)uv_timer_init(loop, &p->timer);
    (void)uv_pipe_init(loop, &p->out, 0);
    (void)uv_pipe_init(loop, &p->err, 0);
}

int proc_lines_start(struct loop *l, const struct proc_lines_spec *spec, struct proc_lines **ret)
{
    struct proc_lines *p = mem_zalloc(sizeof *p);
    uv_stdio_container_t stdio[3] = { { .flags = UV_IGNORE } };
    uv_process_options_t options = { .exit_cb = on_exit_status,
                                     .flags = UV_PROCESS_DETACHED, /* a process group of its own */
                                     .file = spec->argv[0],
                                     .args = (char **)spec->argv,
                                     .stdio = stdio,
                                     .stdio_count = 3 };
    int r;

    if (!p)
        return -ENOMEM;
    p->spec = *spec;
    buf_init(&p->line, PROC_LINE_MAX);
    init_handles(l, p);
    stdio[1] =
        (uv_stdio_container_t){ UV_CREATE_PIPE | UV_WRITABLE_PIPE, { .stream = (uv_stream_t *)&p->out } };
    stdio[2] =
        (uv_stdio_container_t){ UV_CREATE_PIPE | UV_WRITABLE_PIPE, { .stream = (uv_stream_t *)&p->err } };
    (void)close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
    r = uv_spawn(loop_uv(l), &p->process, &options);
    if (r != 0) {
        p->stopped = true;
        close_all(p);
        return r;
    }
    (void)uv_timer_start(&p->timer, on_timeout, (uint64_t)spec->timeout_ms, 0);
    (void)uv_read_start((uv_stream_t *)&p->out, on_alloc, on_out);
    (void)uv_read_start((uv_stream_t *)&p->err, on_alloc, on_err);
    *ret = p;
    return 0;
}

void proc_lines_stop(struct proc_lines *p)
{
    if (!p || p->stopped)
        return;
    p->stopped = true;
    if (p->process.pid > 0)
        (void)kill(-p->process.pid, SIGKILL);
    close_all(p);
}
