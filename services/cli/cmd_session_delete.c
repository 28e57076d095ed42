/*
 * zapkeep session delete ID: removes the session from the bridge and from our registry. It cannot be undone,
 * so it asks first.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "common/base/json_out.h"
#include "common/base/mem.h"
#include "common/store/sessions.h"
#include "services/cli/bridge.h"
#include "services/cli/commands.h"

/* The bridge wipes the pairing and never logs out at WhatsApp. */
#define DEAD_DEVICE "the phone keeps a dead linked device: remove it there under Settings, Linked devices"

struct delete_settings {
    struct cli_settings cli;
    bool yes;
};

static const struct setting table[] = {
    { .name = "YES",
      .kind = SETTING_BOOL,
      .at = offsetof(struct delete_settings, yes),
      .def = "false",
      .flag_only = true,
      .help = "do not ask" },
    { 0 },
};

/* -1: go on. */
static int confirm(const struct delete_settings *s, const char *id)
{
    char line[16] = "";

    if (s->yes)
        return -1;
    if (isatty(STDIN_FILENO) != 1 || s->cli.json)
        return cli_problem(EXIT_USAGE, "deleting a session cannot be undone; say --yes");
    (void)fprintf(
        stderr,
        "Deleting session %s ends its pairing: it needs a new QR code to come back,\nand " DEAD_DEVICE
        ".\nDelete it? [y/N] ",
        id);
    if (fgets(line, sizeof line, stdin) && (line[0] == 'y' || line[0] == 'Y'))
        return -1;
    return cli_problem(EXIT_NEGATIVE, "nothing was deleted");
}

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
static int note(const struct delete_settings *s, enum step step, const char *id)
{
    struct db *db = NULL;
    int r = cli_open_state(s->cli.app.data_dir, &db);

    if (r == -ENOENT)
        return SESSIONS_NONE;
    if (r == 0)
        r = commit_step(db, step, s->cli.bridge.name, id);
    db_close(db);
    return r;
}

static int call(struct cli_bridge *b, const char *id, struct cli_reply *reply)
{
    struct bridge_request req = BRIDGE_REQUEST_NULL;
    int r = b->driver->build_delete(&b->target, id, &req);

    if (r == 0)
        r = cli_bridge_call(b, &req, 0, reply);
    return r ? r : b->driver->read_delete(&reply->answer);
}

static void print_deleted(const struct delete_settings *s, const char *id, bool was_gone)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(1024);
    struct json_out j = JSON_OUT(&out);

    if (!s->cli.json) {
        printf(was_gone ? "session %s was gone from the bridge already and is forgotten here\n"
                        : "session %s is deleted; " DEAD_DEVICE "\n",
               id);
        return;
    }
    json_open(&j, NULL, '{');
    json_texts(&j, "session", id);
    json_texts(&j, "bridge", s->cli.bridge.name);
    json_bool(&j, "deleted", true);
    json_close(&j, '}');
    puts(buf_str(&out));
}

/* The mark comes first: what the bridge says while it deletes the session is no drop to be mended. */
static int delete_session(const struct delete_settings *s, struct cli_bridge *b, const char *id)
{
    CLEANUP(cli_reply_fini) struct cli_reply reply = CLI_REPLY_NULL;
    int known = note(s, STEP_BEGIN, id);
    int r;

    if (known < 0)
        return cli_store_problem(s->cli.app.data_dir, STATE_DB_FILE, known);
    r = call(b, id, &reply);
    if (r && r != BRIDGE_NO_SESSION) {
        (void)note(s, STEP_KEEP, id); /* if not now, the mark lapses */
        return cli_bridge_problem(b, "cannot delete the session", r, &reply);
    }
    known = note(s, STEP_REMOVE, id);
    if (known < 0)
        return cli_store_problem(s->cli.app.data_dir, STATE_DB_FILE, known);
    if (r == BRIDGE_NO_SESSION && known == SESSIONS_NONE)
        return cli_problem(EXIT_NEGATIVE, "there is no session %s", id);
    print_deleted(s, id, r == BRIDGE_NO_SESSION);
    return EXIT_DONE;
}

static int run(const struct delete_settings *s, const struct settings_args *args)
{
    struct cli_bridge b = CLI_BRIDGE_NULL;
    int code;

    if (args->n != 1 || !text_is_id(str_from(args->arg[0])))
        return cli_problem(EXIT_USAGE,
                           "session delete takes one ID of letters, digits, '-' and '_', 64 at most");
    code = confirm(s, args->arg[0]);
    if (code >= 0)
        return code;
    code = cli_bridge_open(&s->cli.bridge, &b);
    if (code >= 0)
        return code;
    code = cli_bridge_find_driver(&b);
    if (code < 0)
        code = delete_session(s, &b, args->arg[0]);
    cli_bridge_close(&b);
    return code;
}

int cmd_session_delete(int argc, char *argv[])
{
    struct delete_settings s;
    struct settings_args args;
    int code = cli_read(cli_command_of(cmd_session_delete), table, argc, argv, &s, &args);

    if (code >= 0)
        return code;
    code = run(&s, &args);
    cli_free(table, &s);
    return code;
}
