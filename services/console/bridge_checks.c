#include "services/console/bridge_checks.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/bridge/subscription.h"
#include "services/console/child_cli.h"

/* 200 sessions of a bridge that counts its calls; `zapkeep bridge check` has no such limit. */
#define CHECK_MS (5 * 60 * 1000LL)

struct bridge_check {
    struct exchange e;        /* a copy: it is answered later */
    struct proc_lines *child; /* NULL: the slot is free */
    bool repair;
    char bridge[WEB_PATH_PARAM_MAX], detail[2 * SUBSCRIPTION_TEXT_MAX + 160];
    int64_t sessions, wrong, repaired;
};

struct bridge_checks {
    const struct console_context *c;
    struct bridge_check slot[BRIDGE_CHECKS_MAX];
};

/* One line a session. The first that is not as it should be is named. */
static void on_line(void *ctx, struct str line)
{
    enum { SESSION, STATE, DETAIL, REPAIR, N };
    static const struct json_path paths[N] = {
        { SESSION, { "session" } }, { STATE, { "state" } }, { DETAIL, { "detail" } }, { REPAIR, { "repair" } }
    };
    struct bridge_check *k = ctx;
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
    struct bridge_check *k = ctx;

    k->child = NULL;
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
}

/* A free slot; NULL: there is none, or @bridge has one, and @ret_r says which. */
static struct bridge_check *take_slot(struct bridge_checks *all, const char *bridge, int *ret_r)
{
    struct bridge_check *free_one = NULL;

    *ret_r = -EBUSY;
    for (int i = 0; i < BRIDGE_CHECKS_MAX; i++) {
        struct bridge_check *k = &all->slot[i];

        if (!k->child)
            free_one = k;
        else if (strcmp(k->bridge, bridge) == 0)
            *ret_r = -EALREADY;
    }
    return *ret_r == -EALREADY ? NULL : free_one;
}

int bridge_checks_start(struct bridge_checks *all, struct exchange *e, const char *bridge, bool repair)
{
    const char *words[] = { "bridge", "check", repair ? "--repair" : NULL, NULL };
    const char *arguments[] = { bridge, NULL };
    int r;
    struct bridge_check *k = take_slot(all, bridge, &r);
    const struct proc_lines_spec spec = {
        .timeout_ms = CHECK_MS, .on_line = on_line, .on_exit = on_exit_status, .ctx = k
    };

    if (!k)
        return r;
    *k = (struct bridge_check){ .e = *e, .repair = repair };
    str_copy(str_from(bridge), k->bridge, sizeof k->bridge);
    return child_cli_start(all->c, words, arguments, &spec, &k->child);
}

int bridge_checks_new(const struct console_context *c, struct bridge_checks **ret)
{
    struct bridge_checks *all = mem_zalloc(sizeof *all);

    if (!all)
        return -ENOMEM;
    all->c = c;
    *ret = all;
    return 0;
}

void bridge_checks_free(struct bridge_checks *all)
{
    if (!all)
        return;
    for (int i = 0; i < BRIDGE_CHECKS_MAX; i++)
        proc_lines_stop(all->slot[i].child);
    mem_free(all);
}
