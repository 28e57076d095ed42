#include "services/console/deletions.h"

#include <errno.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/store/audit.h"
#include "services/console/child_cli.h"
#include "services/console/live.h"
#include "services/console/stores.h"

/* The bridge's own time-out is far below it. */
#define DELETE_MS (2 * 60 * 1000LL)

struct deletion {
    char bridge[SESSIONS_ID_MAX], session[SESSIONS_ID_MAX];
    char actor[AUDIT_ACTOR_MAX], address[AUDIT_ADDRESS_MAX];
};

struct deletions {
    const struct console_context *c;
    struct deletion waiting[DELETIONS_MAX]; /* the first one is under way while there is a child */
    int n;
    struct proc_lines *child;
};

static void start_next(struct deletions *d);

static void write_outcome(struct deletions *d, const struct deletion *x, bool ok, const char *detail)
{
    struct audit_row row = { .at = stores_wall_ms(d->c->stores), .action = "session.deleted", .ok = ok };
    struct db *db;
    int r = stores_state(d->c->stores, &db);

    str_copy(str_from(x->actor), row.actor, sizeof row.actor);
    str_copy(str_from(x->address), row.address, sizeof row.address);
    str_copy(str_from(x->bridge), row.bridge, sizeof row.bridge);
    str_copy(str_from(x->session), row.session, sizeof row.session);
    str_copy(str_from(detail), row.detail, sizeof row.detail);
    if (r == 0)
        r = audit_add(db, &row, &row.n);
    if (r == 0)
        live_audit(d->c->live, &row);
    else
        log_error("deletion-not-written",
                  "the outcome of a deletion could not be written into the audit list",
                  KS("session", x->session), KS("error", err_text(r)));
}

static void end_first(struct deletions *d, bool ok, const char *detail)
{
    write_outcome(d, &d->waiting[0], ok, detail);
    d->n--;
    for (int i = 0; i < d->n; i++)
        d->waiting[i] = d->waiting[i + 1];
    start_next(d);
}

static void on_line(void *ctx, struct str line)
{
    (void)ctx;
    (void)line;
}

static void on_exit_status(void *ctx, int status, const char *last_error)
{
    struct deletions *d = ctx;
    char problem[320] = "";

    d->child = NULL;
    if (status != 0)
        (void)child_cli_problem(status, last_error, problem, sizeof problem);
    end_first(d, status == 0, problem);
}

static void start_next(struct deletions *d)
{
    const struct proc_lines_spec spec = {
        .timeout_ms = DELETE_MS, .on_line = on_line, .on_exit = on_exit_status, .ctx = d
    };
    static const char *const words[] = { "session", "delete", "--yes", NULL };
    char name[2 * SESSIONS_ID_MAX];
    const char *arguments[] = { name, NULL };
    int r;

    if (d->n == 0)
        return;
    (void)child_cli_session(d->waiting[0].bridge, d->waiting[0].session, name, sizeof name);
    r = child_cli_start(d->c, words, arguments, &spec, &d->child);
    if (r != 0)
        end_first(d, false, err_text(r));
}

int deletions_add(struct deletions *d, const char *bridge, const char *session, const char *actor,
                  const char *address)
{
    struct deletion *x = &d->waiting[d->n];

    if (d->n == DELETIONS_MAX)
        return -EBUSY;
    str_copy(str_from(bridge), x->bridge, sizeof x->bridge);
    str_copy(str_from(session), x->session, sizeof x->session);
    str_copy(str_from(actor), x->actor, sizeof x->actor);
    str_copy(str_from(address), x->address, sizeof x->address);
    if (++d->n == 1)
        start_next(d);
    return 0;
}

int deletions_new(const struct console_context *c, struct deletions **ret)
{
    struct deletions *d = mem_zalloc(sizeof *d);

    if (!d)
        return -ENOMEM;
    d->c = c;
    *ret = d;
    return 0;
}

void deletions_free(struct deletions *d)
{
    if (d)
        proc_lines_stop(d->child);
    mem_free(d);
}
