#include "services/console/store_run.h"

#include <errno.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/store/store.h"
#include "services/console/child_cli.h"
#include "services/console/stores.h"

/* No call to a server waits longer than 5 s, and a report is a few of them. */
#define REPORT_MS (20 * 1000LL)
/* Every open page Doctor asks twice a minute. */
#define FRESH_MS    5000
#define WAITING_MAX 32
#define LINES_MAX   (256 * 1024)

struct store_run {
    const struct console_context *c;
    struct proc_lines *child; /* NULL: it does not run */
    struct buf lines;         /* objects, as the API shows them */
    struct json_out j;        /* to @lines */
    int64_t ended_at;         /* wall ms of the report in @lines; 0: none */
    struct exchange waiting[WAITING_MAX];
    int n;
};

static void answer(const struct store_run *s, struct exchange *e)
{
    CLEANUP(buf_fini) struct buf json = BUF_INIT(EXCHANGE_ANSWER_MAX);
    struct json_out j = JSON_OUT(&json);
    const char *where = app_store(&s->c->settings->app);
    char name[STORE_DISPLAY_MAX];

    json_open(&j, NULL, '{');
    json_texts(&j, "store", store_display(where, name, sizeof name));
    json_bool(&j, "database", store_is_server(where));
    json_raw(&j, "lines", s->ended_at > 0 ? (struct str){ buf_str(&s->lines), s->lines.len } : STR_LIT("[]"));
    json_close(&j, '}');
    exchange_answer(e, 200, &json);
}

static void begin_lines(struct store_run *s)
{
    buf_fini(&s->lines);
    buf_init(&s->lines, LINES_MAX);
    s->j = JSON_OUT(&s->lines);
    s->ended_at = 0;
    json_open(&s->j, NULL, '[');
}

static void on_line(void *ctx, struct str line)
{
    enum { NAME, VALUE, PROBLEM, N };
    static const struct json_path paths[N] = { { NAME, { "name" } },
                                               { VALUE, { "value" } },
                                               { PROBLEM, { "problem" } } };
    struct store_run *s = ctx;
    struct json_value v[N];

    if (json_in_find(line, paths, N, v) != 0 || v[NAME].kind != JSON_IN_TEXT || json_in_is(v[NAME], "store"))
        return;
    json_raw(&s->j, NULL, line);
}

/* The database does not answer: its own sentence. */
static void refuse(struct exchange *e, int status, const char *last_error)
{
    char text[400];

    exchange_error(e, 503, "store_unavailable", "%s",
                   child_cli_problem(status, last_error, text, sizeof text));
}

/* 1: the report has problems. */
static void on_exit_status(void *ctx, int status, const char *last_error)
{
    struct store_run *s = ctx;
    bool good = status == 0 || (status == 1 && s->lines.len > 1);

    s->child = NULL;
    json_close(&s->j, ']');
    if (good && buf_error(&s->lines) == 0)
        s->ended_at = stores_wall_ms(s->c->stores);
    for (int i = 0; i < s->n; i++) {
        if (s->ended_at > 0)
            answer(s, &s->waiting[i]);
        else
            refuse(&s->waiting[i], status, last_error);
    }
    s->n = 0;
}

static int start(struct store_run *s)
{
    static const char *const words[] = { "store", "status", NULL };
    const struct proc_lines_spec spec = {
        .timeout_ms = REPORT_MS, .on_line = on_line, .on_exit = on_exit_status, .ctx = s
    };

    begin_lines(s);
    return child_cli_start(s->c, words, NULL, &spec, &s->child);
}

int store_run_answer(struct store_run *s, struct exchange *e)
{
    int64_t age_ms = stores_wall_ms(s->c->stores) - s->ended_at;
    bool fresh = s->ended_at > 0 && age_ms >= 0 && age_ms < FRESH_MS;
    int r;

    if (!store_is_server(app_store(&s->c->settings->app)) || (!s->child && fresh)) {
        answer(s, e);
        return 0;
    }
    if (s->n == WAITING_MAX)
        return -EBUSY;
    r = s->child ? 0 : start(s);
    if (r == 0)
        s->waiting[s->n++] = *e;
    return r;
}

int store_run_new(const struct console_context *c, struct store_run **ret)
{
    struct store_run *s = mem_zalloc(sizeof *s);

    if (!s)
        return -ENOMEM;
    s->c = c;
    *ret = s;
    return 0;
}

void store_run_free(struct store_run *s)
{
    if (!s)
        return;
    proc_lines_stop(s->child);
    buf_fini(&s->lines);
    mem_free(s);
}
