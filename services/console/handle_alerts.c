/* Alerts: now, their sinks, and the ones of before. */
#include <errno.h>

#include "common/base/err.h"
#include "common/base/json_in.h"
#include "common/base/mem.h"
#include "common/sink/sink_config.h"
#include "common/sink/sink_kind.h"
#include "common/store/alerts.h"
#include "services/console/child_cli.h"
#include "services/console/handlers.h"
#include "services/console/state_json.h"
#include "services/console/stores.h"

/* Of a configuration with an error. */
#define PROBLEM_MAX 4096

static int on_alert(void *ctx, const struct alert_row *row)
{
    struct json_out *j = ctx;

    json_open(j, NULL, '{');
    state_json_alert(j, row);
    json_close(j, '}');
    return 0;
}

/* The sinks that are configured here, as the monitor has them when both read the same settings. */
static int write_sinks(const struct exchange *e, struct db *db, struct json_out *j)
{
    CLEANUP(sink_configs_fini) struct sink_configs sinks = SINK_CONFIGS_NULL;
    CLEANUP(buf_fini) struct buf problem = BUF_INIT(PROBLEM_MAX);
    int r = 0;

    if (sink_configs_load(&sinks, &e->c->settings->sinks, &problem) != 0)
        return 0; /* a test says why */
    for (int i = 0; r == 0 && i < sinks.n; i++) {
        int64_t waiting = 0;
        struct alert_note oldest = { 0 };
        int n = 0;

        r = alerts_waiting(db, sinks.at[i]->name, &waiting);
        if (r == 0)
            r = alerts_read(db, sinks.at[i]->name, &oldest, 1, &n);
        json_open(j, NULL, '{');
        json_texts(j, "sink", sinks.at[i]->name);
        json_texts(j, "type", sink_kind_text(sinks.at[i]->kind));
        json_int(j, "waiting", waiting);
        json_int(j, "tries", n > 0 ? oldest.tries : 0);
        json_int(j, "oldest_at", n > 0 ? oldest.at : 0);
        json_close(j, '}');
    }
    return r;
}

void handle_alerts(struct exchange *e)
{
    CLEANUP(buf_fini) struct buf json = BUF_INIT(EXCHANGE_ANSWER_MAX);
    struct json_out j = JSON_OUT(&json);
    struct db *db;
    int r = stores_state(e->c->stores, &db);

    json_open(&j, NULL, '{');
    json_int(&j, "now", stores_wall_ms(e->c->stores));
    json_open(&j, "active", '[');
    if (r == 0)
        r = alerts_each(db, NULL, on_alert, &j);
    json_close(&j, ']');
    json_open(&j, "sinks", '[');
    if (r == 0)
        r = write_sinks(e, db, &j);
    json_close(&j, ']');
    json_close(&j, '}');
    if (r != 0)
        exchange_store_error(e, STATE_DB_FILE, r);
    else
        exchange_answer(e, 200, &json);
}

struct history {
    struct json_out j;
    int n;
    int64_t last;
};

static int on_change(void *ctx, const struct alert_change *c)
{
    struct history *h = ctx;

    h->n++;
    h->last = c->n;
    json_open(&h->j, NULL, '{');
    json_int(&h->j, "at", c->at);
    json_bool(&h->j, "firing", c->firing);
    json_texts(&h->j, "alert", c->row.name);
    json_texts(&h->j, "bridge", c->row.bridge);
    json_texts(&h->j, "session", c->row.session);
    json_int(&h->j, "since", c->row.since);
    json_texts(&h->j, "cause", c->row.cause);
    json_texts(&h->j, "text", c->row.detail);
    json_close(&h->j, '}');
    return 0;
}

void handle_alert_history(struct exchange *e)
{
    CLEANUP(buf_fini) struct buf json = BUF_INIT(EXCHANGE_ANSWER_MAX);
    struct history h = { .j = JSON_OUT(&json) };
    int limit = (int)exchange_query_int(e, "limit", 100, 1, EXCHANGE_LIMIT_MAX);
    struct db *db;
    int r = stores_state(e->c->stores, &db);

    json_open(&h.j, NULL, '{');
    json_open(&h.j, "rows", '[');
    if (r == 0)
        r = alerts_each_change(db, exchange_query_int(e, "before", 0, 0, INT64_MAX), limit, on_change, &h);
    json_close(&h.j, ']');
    json_int(&h.j, "next_before", h.n == limit ? h.last : 0);
    json_close(&h.j, '}');
    if (r != 0)
        exchange_store_error(e, STATE_DB_FILE, r);
    else
        exchange_answer(e, 200, &json);
}

/* ---- a test of a sink ------------------------------------------------------------------------ */

/* Longer than the time-out of any sink. */
#define TEST_MS 60000
/* text_is_id() and its NUL. */
#define ALERT_TEST_SINK_MAX 65

struct sink_test {
    struct exchange e; /* a copy: it is answered later */
    char sink[ALERT_TEST_SINK_MAX], detail[400];
};

static void on_line(void *ctx, struct str line)
{
    static const struct json_path path = { 0, { "detail" } };
    struct sink_test *t = ctx;
    struct json_value v;

    if (json_in_find(line, &path, 1, &v) == 0)
        (void)json_in_text(v, t->detail, sizeof t->detail);
}

static void on_exit_status(void *ctx, int status, const char *last_error)
{
    struct sink_test *t = ctx;
    CLEANUP(buf_fini) struct buf json = BUF_INIT(4096);
    struct json_out j = JSON_OUT(&json);

    if (status != 0 && !t->detail[0])
        (void)child_cli_problem(status, last_error, t->detail, sizeof t->detail);
    exchange_audit(&t->e, "alert.test", "", "", status == 0, "%s", t->sink);
    json_open(&j, NULL, '{');
    json_bool(&j, "ok", status == 0);
    json_texts(&j, "detail", t->detail);
    json_close(&j, '}');
    exchange_answer(&t->e, 200, &json);
    mem_free(t);
}

void handle_alert_test(struct exchange *e)
{
    struct sink_test *t = mem_zalloc(sizeof *t);
    const struct proc_lines_spec spec = {
        .timeout_ms = TEST_MS, .on_line = on_line, .on_exit = on_exit_status, .ctx = t
    };
    static const char *const words[] = { "alert", "test", NULL };
    const char *arguments[] = { t ? t->sink : "", NULL };
    struct proc_lines *child;
    int r;

    if (t) {
        t->e = *e;
        exchange_text(e, NULL, "sink", t->sink, sizeof t->sink);
        if (!exchange_fits(e)) {
            mem_free(t);
            return;
        }
        if (!text_is_id(str_from(t->sink)) || t->sink[0] == '-') {
            mem_free(t);
            exchange_error(e, 400, "bad_request", "name a sink");
            return;
        }
    }
    r = t ? child_cli_start(e->c, words, arguments, &spec, &child) : -ENOMEM;
    if (r != 0) {
        mem_free(t);
        exchange_error(e, 503, "no_program", "the program zapkeep cannot be run: %s; set ZAPKEEP_CONSOLE_CLI",
                       err_text(r));
    }
}
