#include "services/cli/session_delete.h"

#include <errno.h>

#include "common/base/mem.h"
#include "common/ops/open_state.h"
#include "common/store/sessions.h"
#include "services/cli/audit.h"

enum step { STEP_BEGIN, STEP_REMOVE, STEP_KEEP };

static int write_step(struct db *db, enum step step, const char *bridge, const char *id)
{
    struct clock clock;
    struct now now;
    int r;

    clock_init(&clock);
    r = steady_now(db, &clock, &now);
    if (r != 0)
        return r;
    if (step == STEP_BEGIN)
        return sessions_begin_removal(db, &now, bridge, id);
    return step == STEP_KEEP ? sessions_keep(db, bridge, id) : sessions_remove(db, &now, bridge, id);
}

static int commit_step(struct db *db, enum step step, const char *bridge, const char *id)
{
    int r = db_begin(db), done;

    if (r != 0)
        return r;
    done = write_step(db, step, bridge, id);
    if (done < 0)
        return done; /* closing it rolls back */
    r = db_commit(db);
    return r == 0 ? done : r;
}

/* In our registry. Returns 0, SESSIONS_NONE, or a negative. */
static int note(const struct cli_settings *s, enum step step, const char *id)
{
    struct db *db = NULL;
    int r = ops_open_state(app_store(&s->app), &db);

    if (r == -ENOENT)
        return SESSIONS_NONE;
    if (r == 0)
        r = commit_step(db, step, s->bridge.name, id);
    db_close(db);
    return r;
}

static int call(struct cli_bridge *b, const char *id, struct cli_reply *reply)
{
    struct bridge_request req = BRIDGE_REQUEST_NULL;
    int r = bridge_build(b->driver, BRIDGE_DELETE, &b->target, id, &req);

    if (r == 0)
        r = cli_bridge_call(b, &req, 0, reply);
    return r ? r : bridge_read_delete(b->driver, &reply->answer);
}

/* The mark comes first: webhooks about the deletion must not be taken for a drop. */
int session_delete(const struct cli_settings *s, struct cli_bridge *b, const char *id, bool *ret_was_gone)
{
    CLEANUP(cli_reply_fini) struct cli_reply reply = CLI_REPLY_NULL;
    int known = note(s, STEP_BEGIN, id);
    int r;

    if (known < 0)
        return cli_store_problem(app_store(&s->app), STATE_DB_FILE, known);
    r = call(b, id, &reply);
    if (r && r != BRIDGE_NO_SESSION) {
        (void)note(s, STEP_KEEP, id); /* if not now, the mark lapses */
        return cli_bridge_problem(b, "cannot delete the session", r, &reply);
    }
    known = note(s, STEP_REMOVE, id);
    if (known < 0)
        return cli_store_problem(app_store(&s->app), STATE_DB_FILE, known);
    if (r == BRIDGE_NO_SESSION && known == SESSIONS_NONE)
        return cli_problem(EXIT_NEGATIVE, "there is no session %s", id);
    cli_audit(s, "session.delete", s->bridge.name, id, true, "");
    *ret_was_gone = r == BRIDGE_NO_SESSION;
    return EXIT_GO_ON;
}
