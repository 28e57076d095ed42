/*
 * One restart, when all goes well:
 *   hook_run    makes the call to the Docker Engine, or starts the program
 *   on_answer, on_exit   turn its answer into a hook_result and call the worker
 * When it does not: a program that cannot be started is reported from a timer, so that done never fires
 * inside hook_run(); a restart that takes longer than HOOK_TIMEOUT_MS is given up (the program is killed).
 * Whether the sessions come back is not known here: the monitor sees that (R6).
 */
#include "services/reconnect-worker/hook.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/err.h"
#include "common/base/json_in.h"
#include "common/base/mem.h"
#include "common/base/url.h"
#include "common/io/proc.h"

/* The Engine's answers are a line of JSON. */
#define ANSWER_BYTES_MAX (64 * 1024)

const char hook_missing_message[] =
    "this bridge cannot reconnect a session over HTTP: set RECONNECT_HOOK=docker:CONTAINER, systemd:UNIT or "
    "exec:/path to restart it, or restart it by hand";

struct hook_run {
    const struct hook *hook;
    struct loop *loop;
    struct timer *later;
    struct http_call *http; /* in flight */
    struct proc *proc;      /* running */
    struct hook_result result;
    void (*done)(void *ctx, const struct hook_result *r);
    void *ctx;
};

static void run_free(struct hook_run *r);

/* -- parsing -- */

/* A container's name or a unit's: nothing that could be a path of the API or an option of systemctl. */
static bool is_name(const char *s, const char *more)
{
    if (!*s || *s == '-' || *s == '.' || strlen(s) >= HOOK_TARGET_MAX)
        return false;
    for (; *s; s++) {
        bool plain = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9');

        if (!plain && !strchr(more, *s))
            return false;
    }
    return true;
}

static bool is_path(const char *s)
{
    return *s == '/' && s[1] && strlen(s) < HOOK_TARGET_MAX;
}

static int parse_docker_host(const char *s, struct buf *problem, struct hook *h)
{
    struct url url;

    if (strncmp(s, "unix://", 7) == 0 && is_path(s + 7)) {
        (void)snprintf(h->docker_unix, sizeof h->docker_unix, "%s", s + 7);
        (void)snprintf(h->docker_url, sizeof h->docker_url, "http://docker");
        return 0;
    }
    if (strncmp(s, "tcp://", 6) == 0 && strlen(s) < HOOK_TARGET_MAX - 8) {
        (void)snprintf(h->docker_url, sizeof h->docker_url, "http://%s", s + 6);
        if (url_parse(h->docker_url, &url) == 0 && !url.path.p && !url.query.p && url.port)
            return 0;
    }
    (void)buf_addf(problem, "DOCKER_HOST=%s: allowed are unix:///path/to/socket and tcp://host:port", s);
    return -EINVAL;
}

static const struct {
    const char *prefix;
    enum hook_kind kind;
} kinds[] = {
    { "docker:", HOOK_DOCKER },
    { "systemd:", HOOK_SYSTEMD },
    { "exec:", HOOK_EXEC },
};

static enum hook_kind find_kind(const char *s, const char **ret_target)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        size_t n = strlen(kinds[i].prefix);

        if (strncmp(s, kinds[i].prefix, n) == 0) {
            *ret_target = s + n;
            return kinds[i].kind;
        }
    }
    return HOOK_NONE;
}

int hook_parse(const struct hook_settings *s, struct buf *problem, struct hook *ret)
{
    const char *target = "";
    struct hook h = { .kind = find_kind(s->hook, &target) };
    bool good = false;

    if (h.kind == HOOK_DOCKER)
        good = is_name(target, "_.-");
    else if (h.kind == HOOK_SYSTEMD)
        good = is_name(target, "_.-@:\\");
    else if (h.kind == HOOK_EXEC)
        good = is_path(target);
    if (*s->hook && !good) {
        (void)buf_addf(
            problem,
            "RECONNECT_HOOK=%s: allowed are docker:CONTAINER, systemd:UNIT and exec:/path/to/program",
            s->hook);
        return -EINVAL;
    }
    (void)snprintf(h.target, sizeof h.target, "%s", target);
    if (h.kind == HOOK_DOCKER && parse_docker_host(s->docker_host, problem, &h))
        return -EINVAL;
    *ret = h;
    return 0;
}

/* -- the guard -- */

bool hook_may_restart(const int64_t count[SESSION_STATE_N], int64_t max_connected, int *ret_percent)
{
    int64_t connected = count[SESSION_CONNECTED];
    int64_t touched = connected + count[SESSION_STARTING] + count[SESSION_DISCONNECTED];

    if (ret_percent)
        *ret_percent = touched ? (int)(connected * 100 / touched) : 0;
    return connected * 100 <= max_connected * touched;
}

/* -- the run -- */

static void finish(struct hook_run *r)
{
    r->done(r->ctx, &r->result);
    run_free(r);
}

static void report_let_go(struct hook_run *r, bool under_way)
{
    r->result.restarted = under_way;
    (void)snprintf(r->result.message, sizeof r->result.message, "stopped while the bridge was %srestarted",
                   under_way ? "" : "about to be ");
}

/* The Engine's reason: {"message":"No such container: x"}. */
static void add_engine_message(struct hook_run *r, const struct http_answer *a)
{
    static const struct json_path paths[] = { { 0, { "message" } } };
    struct json_value message;
    char reason[80];

    (void)json_in_find(a->body, paths, 1, &message);
    (void)snprintf(r->result.message, sizeof r->result.message, "docker answered %d: %s", a->status,
                   json_in_text(message, reason, sizeof reason));
}

static void on_answer(void *ctx, const struct http_answer *a)
{
    struct hook_run *r = ctx;

    r->http = NULL;
    r->result.sent_ms = a->sent_ms;
    if (a->error == HTTP_E_CANCELLED) {
        report_let_go(r, a->sent_ms >= 0);
    } else if (a->error != HTTP_OK) {
        (void)snprintf(r->result.message, sizeof r->result.message, "cannot ask docker: %s %.80s",
                       http_error_text(a->error), a->detail);
    } else if (a->status != 204) {
        add_engine_message(r, a);
    } else {
        r->result.restarted = true;
        (void)snprintf(r->result.message, sizeof r->result.message, "docker restarted container %.100s",
                       r->hook->target);
    }
    finish(r);
}

static int run_docker(struct hook_run *r, struct http_client *client)
{
    CLEANUP(buf_fini) struct buf url = BUF_INIT((size_t)4 * HOOK_TARGET_MAX);
    const struct hook *h = r->hook;
    struct http_request req = { .method = "POST",
                                .timeout_ms = HOOK_TIMEOUT_MS,
                                .answer_bytes_max = ANSWER_BYTES_MAX,
                                .once = true,
                                .unix_socket = *h->docker_unix ? h->docker_unix : NULL };

    (void)buf_addf(&url, "%s/containers/%s/restart?t=%d", h->docker_url, h->target, HOOK_DOCKER_STOP_S);
    req.url = buf_str(&url);
    return buf_error(&url) ? buf_error(&url) : http_call(client, &req, on_answer, r, &r->http);
}

static void on_exit_status(void *ctx, int status)
{
    struct hook_run *r = ctx;
    const char *what = r->hook->kind == HOOK_SYSTEMD ? "systemctl restart" : r->hook->target;

    r->proc = NULL;
    r->result.restarted = status == 0;
    if (status == 0)
        (void)snprintf(r->result.message, sizeof r->result.message, "%.120s has restarted the bridge", what);
    else if (status == -ETIMEDOUT)
        (void)snprintf(r->result.message, sizeof r->result.message,
                       "%.80s took longer than %d s and was killed; let it work in the background", what,
                       HOOK_TIMEOUT_MS / 1000);
    else if (status < 0)
        (void)snprintf(r->result.message, sizeof r->result.message, "%.120s: %s", what, err_text(status));
    else
        (void)snprintf(r->result.message, sizeof r->result.message, "%.120s ended with exit status %d", what,
                       status);
    finish(r);
}

static void on_later(void *ctx)
{
    finish(ctx);
}

/* Said from the loop. */
static int finish_later(struct hook_run *r)
{
    int e = timer_open(r->loop, on_later, r, &r->later);

    if (e == 0)
        timer_start(r->later, 0);
    return e;
}

static int fail_later(struct hook_run *r, const char *program, int error)
{
    r->result.sent_ms = -1;
    (void)snprintf(r->result.message, sizeof r->result.message, "cannot run %.100s: %s", program,
                   err_text(error));
    return finish_later(r);
}

static int run_program(struct hook_run *r, const char *bridge)
{
    const char *const systemctl[] = { "systemctl", "restart", "--no-block", r->hook->target, NULL };
    const char *const program[] = { r->hook->target, bridge, NULL };
    const char *const *argv = r->hook->kind == HOOK_SYSTEMD ? systemctl : program;
    int e = proc_run(r->loop, argv, NULL, HOOK_TIMEOUT_MS, on_exit_status, r, &r->proc);

    return e && e != -ENOMEM ? fail_later(r, argv[0], e) : e;
}

int hook_run(const struct hook *h, struct loop *l, struct http_client *client, const char *bridge,
             void (*done)(void *ctx, const struct hook_result *r), void *ctx, struct hook_run **ret)
{
    struct hook_run *r;
    int e;

    if (h->kind == HOOK_NONE)
        return -EINVAL;
    r = mem_zalloc(sizeof *r);
    if (!r)
        return -ENOMEM;
    r->hook = h;
    r->loop = l;
    r->done = done;
    r->ctx = ctx;
    e = h->kind == HOOK_DOCKER ? run_docker(r, client) : run_program(r, bridge);
    if (e)
        run_free(r);
    else
        *ret = r;
    return e;
}

void hook_let_go(struct hook_run *r)
{
    if (r->http)
        http_call_cancel(r->http);
    if (!r->proc)
        return;
    proc_let_go(r->proc);
    r->proc = NULL;
    report_let_go(r, true);
    if (finish_later(r) != 0)
        finish(r);
}

bool hook_drop(struct hook_run *r)
{
    if (r->http)
        return false;
    proc_let_go(r->proc);
    run_free(r);
    return true;
}

static void run_free(struct hook_run *r)
{
    if (r->later)
        timer_close(r->later);
    mem_free(r);
}
