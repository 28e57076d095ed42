/* The webhook subscriptions of a bridge: checked now, or set again. `zapkeep bridge check` does it, as a child. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/err.h"
#include "common/base/mem.h"
#include "common/bridge/subscription.h"
#include "services/console/child_cli.h"
#include "services/console/handlers.h"

/* 200 sessions of a bridge that counts its calls; `zapkeep bridge check` has no such limit. */
#define CHECK_MS (5 * 60 * 1000LL)

struct check {
    struct exchange e; /* a copy: it is answered later */
    bool repair;
    char bridge[WEB_PATH_PARAM_MAX], detail[2 * SUBSCRIPTION_TEXT_MAX + 160];
    int64_t sessions, wrong, repaired;
};

/* One line a session. The first that is not as it should be is named. */
static void on_line(void *ctx, struct str line)
{
    enum { SESSION, STATE, DETAIL, REPAIR, N };
    static const struct json_path paths[N] = {
        { SESSION, { "session" } }, { STATE, { "state" } }, { DETAIL, { "detail" } }, { REPAIR, { "repair" } }
    };
    struct check *k = ctx;
    char session[140], state[16], detail[SUBSCRIPTION_TEXT_MAX], repair[SUBSCRIPTION_TEXT_MAX];
    struct json_value v[N];

    if (json_in_find(line, paths, N, v) != 0)
        return;
    (void)json_in_text(v[SESSION], session, sizeof session);
    (void)json_in_text(v[STATE], state, sizeof state);
    (void)json_in_text(v[DETAIL], detail, sizeof detail);
    (void)json_in_text(v[REPAIR], repair, sizeof repair);
    k->sessions++;
    k->repaired += *repair && strcmp(state, "ok") == 0;
    if (strcmp(state, "ok") == 0 || k->wrong++ > 0)
        return;
    (void)snprintf(k->detail, sizeof k->detail, "%s%s%s%s%s", session, *session ? ": " : "", detail,
                   *repair ? "; " : "", repair);
}

static void on_exit_status(void *ctx, int status, const char *last_error)
{
    CLEANUP(buf_fini) struct buf json = BUF_INIT(4096);
    struct json_out j = JSON_OUT(&json);
    struct check *k = ctx;

    if (status != 0 && !k->detail[0])
        (void)child_cli_problem(status, last_error, k->detail, sizeof k->detail);
    if (k->repair)
        exchange_audit(&k->e, "bridge.repair", k->bridge, "", status == 0,
                       "%lld of %lld sessions were set again", (long long)k->repaired,
                       (long long)k->sessions);
    json_open(&j, NULL, '{');
    json_bool(&j, "ok", status == 0);
    json_texts(&j, "detail", k->detail);
    json_int(&j, "sessions", k->sessions);
    json_int(&j, "wrong", k->wrong);
    json_int(&j, "repaired", k->repaired);
    json_close(&j, '}');
    exchange_answer(&k->e, 200, &json);
    mem_free(k);
}

static void start(struct exchange *e, bool repair)
{
    struct check *k = mem_zalloc(sizeof *k);
    const struct proc_lines_spec spec = {
        .timeout_ms = CHECK_MS, .on_line = on_line, .on_exit = on_exit_status, .ctx = k
    };
    const char *words[] = { "bridge", "check", repair ? "--repair" : NULL, NULL };
    const char *arguments[] = { e->param[0], NULL };
    struct proc_lines *child;
    int r = -ENOMEM;

    if (!text_is_id(str_from(e->param[0]))) {
        mem_free(k);
        exchange_error(e, 404, "not_found", "there is no such bridge");
        return;
    }
    if (k) {
        k->e = *e;
        k->repair = repair;
        str_copy(str_from(e->param[0]), k->bridge, sizeof k->bridge);
        r = child_cli_start(e->c, words, arguments, &spec, &child);
    }
    if (r != 0) {
        mem_free(k);
        exchange_error(e, 503, "no_program", "the program zapkeep cannot be run: %s; set ZAPKEEP_CONSOLE_CLI",
                       err_text(r));
    }
}

void handle_bridge_check(struct exchange *e)
{
    start(e, false);
}

void handle_bridge_repair(struct exchange *e)
{
    start(e, true);
}
