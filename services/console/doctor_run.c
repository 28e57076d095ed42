#include "services/console/doctor_run.h"

#include <errno.h>
#include <string.h>

#include "common/base/json_in.h"
#include "common/base/mem.h"
#include "services/console/child_cli.h"
#include "services/console/live.h"
#include "services/console/stores.h"

/* Its probes wait for a bridge that sends webhooks late. */
#define DOCTOR_MS       (3 * 60 * 1000LL)
#define FINDINGS_MAX    400
#define DOCTOR_JSON_MAX (512 * 1024)

struct finding {
    char check[24], bridge[65], level[8], text[400], advice[400];
};

struct doctor_run {
    const struct console_context *c;
    struct proc_lines *child; /* NULL: it does not run */
    int64_t started_at, ended_at;
    bool bad;
    char error[400];
    struct finding *finding;
    int n;
};

void doctor_run_json(const struct doctor_run *d, struct json_out *j)
{
    json_open(j, NULL, '{');
    json_bool(j, "running", d->child != NULL);
    json_int(j, "started_at", d->started_at);
    json_int(j, "ended_at", d->ended_at);
    json_bool(j, "ok", d->ended_at > 0 && !d->bad && !d->error[0]);
    json_open(j, "findings", '[');
    for (int i = 0; i < d->n; i++) {
        json_open(j, NULL, '{');
        json_texts(j, "check", d->finding[i].check);
        json_texts(j, "bridge", d->finding[i].bridge);
        json_texts(j, "level", d->finding[i].level);
        json_texts(j, "text", d->finding[i].text);
        json_texts(j, "advice", d->finding[i].advice);
        json_close(j, '}');
    }
    json_close(j, ']');
    json_texts(j, "error", d->error);
    json_close(j, '}');
}

static void say(const struct doctor_run *d)
{
    CLEANUP(buf_fini) struct buf json = BUF_INIT(DOCTOR_JSON_MAX);
    struct json_out j = JSON_OUT(&json);

    doctor_run_json(d, &j);
    if (buf_error(&json) == 0)
        live_send(d->c->live, "doctor", (struct str){ buf_str(&json), json.len });
}

static void on_line(void *ctx, struct str line)
{
    enum { CHECK, BRIDGE, LEVEL, MESSAGE, ADVICE, N };
    static const struct json_path paths[N] = { { CHECK, { "check" } },
                                               { BRIDGE, { "bridge" } },
                                               { LEVEL, { "level" } },
                                               { MESSAGE, { "message" } },
                                               { ADVICE, { "advice" } } };
    struct doctor_run *d = ctx;
    struct finding *more, *f;
    struct json_value v[N];

    if (d->n == FINDINGS_MAX || json_in_find(line, paths, N, v) != 0 || v[CHECK].kind != JSON_IN_TEXT)
        return;
    more = mem_realloc(d->finding, (size_t)(d->n + 1) * sizeof *more);
    if (!more)
        return;
    d->finding = more;
    f = &d->finding[d->n++];
    (void)json_in_text(v[CHECK], f->check, sizeof f->check);
    (void)json_in_text(v[BRIDGE], f->bridge, sizeof f->bridge);
    (void)json_in_text(v[LEVEL], f->level, sizeof f->level);
    (void)json_in_text(v[MESSAGE], f->text, sizeof f->text);
    (void)json_in_text(v[ADVICE], f->advice, sizeof f->advice);
    d->bad = d->bad || strcmp(f->level, "bad") == 0;
}

static void on_exit_status(void *ctx, int status, const char *last_error)
{
    struct doctor_run *d = ctx;

    d->child = NULL;
    d->ended_at = stores_wall_ms(d->c->stores);
    if (status != 0 && !(status == 1 && d->n > 0))
        (void)child_cli_problem(status, last_error, d->error, sizeof d->error);
    say(d);
}

int doctor_run_start(struct doctor_run *d)
{
    static const char *const words[] = { "doctor", NULL };
    const struct proc_lines_spec spec = {
        .timeout_ms = DOCTOR_MS, .on_line = on_line, .on_exit = on_exit_status, .ctx = d
    };
    int r;

    if (d->child)
        return 0;
    r = child_cli_start(d->c, words, NULL, &spec, &d->child);
    if (r != 0)
        return r;
    d->n = 0;
    d->bad = false;
    d->error[0] = '\0';
    d->ended_at = 0;
    d->started_at = stores_wall_ms(d->c->stores);
    say(d);
    return 0;
}

int doctor_run_new(const struct console_context *c, struct doctor_run **ret)
{
    struct doctor_run *d = mem_zalloc(sizeof *d);

    if (!d)
        return -ENOMEM;
    d->c = c;
    *ret = d;
    return 0;
}

void doctor_run_free(struct doctor_run *d)
{
    if (!d)
        return;
    proc_lines_stop(d->child);
    mem_free(d->finding);
    mem_free(d);
}
