/*
 * One command: read → applied to forward.db → committed → its result is written into its row, where the CLI reads it. A
 * crash in between applies it twice, which changes nothing more. A test's result comes with the backend's answer.
 */
#include "services/forwarder/commands.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/json_out.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/store/db.h"
#include "common/store/forward_commands.h"
#include "common/store/store.h"

#define LOOK_MS 2000
/* With a database, which notifies of commits: without a commit of others, and with no command that waits, its rows are not looked at
 * for so long. */
#define QUIET_MS 8000
/* A name, a session and a type. */
#define TEXTS_MAX 8192
/* The CLI waits for seconds; rows that nobody has come for. */
#define RESULT_KEEP_MS (60 * 60 * 1000)

struct commands {
    struct app *app;
    struct units *units;
    struct state_store *state;
    struct timer *timer;
    int64_t looked_ms; /* boot ms of the last look that found no command, 0: none */
    int64_t version;   /* data version of state.db before it */
    bool woken;
};

/* The result of a command. */
struct outcome {
    bool failed, later; /* later: the result comes with an answer */
    char text[FORWARD_RESULT_MAX];
};

static void say(struct outcome *o, bool failed, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static void say(struct outcome *o, bool failed, const char *fmt, ...)
{
    va_list ap;

    o->failed = failed;
    va_start(ap, fmt);
    (void)vsnprintf(o->text, sizeof o->text, fmt, ap);
    va_end(ap);
}

/* ---- which destinations ---------------------------------------------------------------------- */

static bool is_for(const struct destination *d, const struct forward_command *cmd)
{
    return !cmd->filter.destination[0] || strcmp(cmd->filter.destination, destination_name(d)) == 0;
}

/* ---- dead letters ---------------------------------------------------------------------------- */

static int redeliver_dead(struct engine *e, const struct forward_command *cmd, struct outcome *o)
{
    int64_t n = 0;
    int r = dead_letters_redeliver(engine_dead_letters(e), &cmd->filter, &n);

    for (int i = 0; r == 0 && i < engine_destinations(e); i++)
        destination_redeliver(engine_destination(e, i));
    log_info("dead-retry", "dead letters are redelivered", KI("letters", n));
    say(o, n == 0, "%" PRId64 " dead letter%s will be tried once more", n, n == 1 ? "" : "s");
    return r;
}

static int drop_dead(struct engine *e, const struct forward_command *cmd, struct outcome *o)
{
    int64_t n = 0;
    int r = dead_letters_drop(engine_dead_letters(e), &cmd->filter, &n);

    log_info("dead-drop", "dead letters were dropped", KI("letters", n));
    say(o, n == 0, "%" PRId64 " dead letter%s dropped", n, n == 1 ? "" : "s");
    return r;
}

/* ---- destinations ---------------------------------------------------------------------------- */

static int switch_destination(struct destination *d, const struct forward_command *cmd)
{
    if (cmd->verb == FORWARD_ON || cmd->verb == FORWARD_OFF)
        return destination_turn_off(d, cmd->verb == FORWARD_OFF);
    return destination_pause(d, cmd->verb == FORWARD_PAUSE);
}

static int switch_destinations(struct engine *e, const struct forward_command *cmd, struct outcome *o)
{
    static const char *const words[] = { [FORWARD_ON] = "turned on",
                                         [FORWARD_OFF] = "turned off",
                                         [FORWARD_PAUSE] = "paused",
                                         [FORWARD_RESUME] = "resumed" };
    int r = 0;

    for (int i = 0; r == 0 && i < engine_destinations(e); i++) {
        if (is_for(engine_destination(e, i), cmd))
            r = switch_destination(engine_destination(e, i), cmd);
    }
    say(o, false, "destination %s is %s", cmd->filter.destination, words[cmd->verb]);
    return r;
}

static int retry_now(struct engine *e, const struct forward_command *cmd, struct outcome *o)
{
    int64_t n = 0;

    for (int i = 0; i < engine_destinations(e); i++) {
        if (is_for(engine_destination(e, i), cmd))
            n += destination_retry_now(engine_destination(e, i), str_from(cmd->filter.session),
                                       cmd->filter.id);
    }
    say(o, n == 0 && (cmd->filter.id || cmd->filter.session[0]), "%" PRId64 " waiting event%s tried now", n,
        n == 1 ? " is" : "s are");
    return 0;
}

static int skip(struct engine *e, const struct forward_command *cmd, struct outcome *o)
{
    int n = 0;
    int r = 0;

    for (int i = 0; r == 0 && i < engine_destinations(e); i++) {
        bool found = false;

        if (is_for(engine_destination(e, i), cmd))
            r = destination_skip(engine_destination(e, i), cmd->filter.id, &found);
        n += found;
    }
    if (n > 0)
        say(o, false, "event %" PRId64 " is a dead letter now, of %d destination%s", cmd->filter.id, n,
            n == 1 ? "" : "s");
    else
        say(o, true, "no event with seq %" PRId64 " waits: it was delivered, or is being delivered now",
            cmd->filter.id);
    return r;
}

static int forget(struct commands *c, struct engine *e, const struct forward_command *cmd, struct outcome *o)
{
    bool found = false;
    int r;

    if (units_is_configured(c->units, cmd->filter.destination)) {
        say(o, true, "destination %s is configured; take it out of BACKEND_URL or FORWARD_CONFIG first",
            cmd->filter.destination);
        return 0;
    }
    r = engine_forget(e, cmd->filter.destination, &found);
    say(o, !found, found ? "destination %s is forgotten" : "there is no destination %s",
        cmd->filter.destination);
    return r;
}

/* ---- a test ---------------------------------------------------------------------------------- */

struct test {
    struct commands *c;
    int64_t n;
};

static void finish(struct commands *c, int64_t n, const struct outcome *o)
{
    int r = state_store_open(c->state);

    if (r == 0)
        r = forward_command_done(c->state->db, n, o->failed, o->text, app_wall_ms(c->app));
    (void)state_store_result(c->state, r);
}

static void on_tested(void *ctx, const struct deliver_test *t)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(FORWARD_RESULT_MAX - 1);
    CLEANUP(mem_freep) struct test *test = ctx;
    struct outcome o = { 0 };
    struct json_out j = JSON_OUT(&out);

    if (!t)
        return;
    o.failed = t->error.status / 100 != 2;
    json_open(&j, NULL, '{');
    json_int(&j, "status", t->error.status);
    json_int(&j, "took_ms", t->took_ms);
    json_texts(&j, "detail", t->error.detail);
    json_text(&j, "answer",
              (struct str){ t->error.answer.p, t->error.answer.n < 200 ? t->error.answer.n : 200 });
    json_close(&j, '}');
    str_copy((struct str){ buf_str(&out), out.len }, o.text, sizeof o.text);
    finish(test->c, test->n, &o);
}

static int test_destination(struct commands *c, struct engine *e, const struct forward_command *cmd,
                            struct outcome *o)
{
    struct test *test = mem_alloc(sizeof *test);
    int r = test ? -ENOENT : -ENOMEM;

    if (test)
        *test = (struct test){ c, cmd->n };
    for (int i = 0; test && i < engine_destinations(e); i++) {
        if (is_for(engine_destination(e, i), cmd))
            r = destination_test(engine_destination(e, i), on_tested, test);
    }
    o->later = r == 0;
    if (r == 0)
        return 0;
    mem_free(test);
    say(o, true, "cannot send a test event: %s", err_text(r));
    return 0;
}

/* ---- a command about all destinations of several forwarders ---------------------------------- */

/* Each destination is changed by the engine that delivers to it. */
static bool must_be_split(const struct commands *c, const struct forward_command *cmd)
{
    return units_are_shared(c->units) && units_config(c->units)->n > 0 && !cmd->filter.destination[0] &&
           (cmd->verb == FORWARD_DEAD_RETRY || cmd->verb == FORWARD_DEAD_DROP || cmd->verb == FORWARD_RETRY ||
            cmd->verb == FORWARD_SKIP);
}

struct names {
    char at[FORWARD_PARTS_MAX][FORWARD_NAME_MAX];
    int n;
    const struct units *units;
};

/* Of more than fit, the next command drops the letters. */
static int add_unconfigured(void *ctx, const struct forward_destination *row)
{
    struct names *names = ctx;

    if (names->n < FORWARD_PARTS_MAX && !units_is_configured(names->units, row->name))
        str_copy(str_from(row->name), names->at[names->n++], FORWARD_NAME_MAX);
    return 0;
}

/* The destinations that a command is about: those of the configuration; letters that are to be dropped may be of another one. */
static int names_for(struct commands *c, struct engine *e, const struct forward_command *cmd,
                     struct names *ret)
{
    const struct config *config = units_config(c->units);

    *ret = (struct names){ .n = config->n, .units = c->units };
    for (int i = 0; i < config->n; i++)
        str_copy(str_from(config->at[i]->name), ret->at[i], FORWARD_NAME_MAX);
    return cmd->verb == FORWARD_DEAD_DROP
               ? forward_destinations_each(engine_dead_letters(e)->db, add_unconfigured, ret)
               : 0;
}

/* A command of each destination's own, in one transaction with the note that they stand for this one: a crash does not double them. */
static int split(struct commands *c, struct engine *e, const struct forward_command *cmd)
{
    int64_t now = app_wall_ms(c->app), parts[FORWARD_PARTS_MAX];
    struct forward_command one = *cmd;
    struct names names;
    int r = names_for(c, e, cmd, &names);

    if (r == 0)
        r = db_begin(c->state->db);
    if (r != 0)
        return r;
    for (int i = 0; r == 0 && i < names.n; i++) {
        one.filter.destination = names.at[i];
        r = forward_command_put(c->state->db, &one, now, &parts[i]);
    }
    if (r == 0)
        r = forward_command_split(c->state->db, cmd->n, parts, names.n, now);
    if (r == 0)
        r = db_commit(c->state->db);
    if (r != 0)
        db_rollback(c->state->db);
    return r;
}

/* ---- taking them ----------------------------------------------------------------------------- */

static int apply(struct commands *c, struct engine *e, const struct forward_command *cmd, struct outcome *o)
{
    if (cmd->filter.destination[0] && cmd->verb != FORWARD_FORGET && cmd->verb != FORWARD_DEAD_DROP &&
        !units_is_configured(c->units, cmd->filter.destination)) {
        say(o, true, "there is no destination %s", cmd->filter.destination);
        return 0;
    }
    switch (cmd->verb) {
    case FORWARD_DEAD_RETRY:
        return redeliver_dead(e, cmd, o);
    case FORWARD_DEAD_DROP:
        return drop_dead(e, cmd, o);
    case FORWARD_ON:
    case FORWARD_OFF:
    case FORWARD_PAUSE:
    case FORWARD_RESUME:
        return switch_destinations(e, cmd, o);
    case FORWARD_RETRY:
        return retry_now(e, cmd, o);
    case FORWARD_SKIP:
        return skip(e, cmd, o);
    case FORWARD_TEST:
        return test_destination(c, e, cmd, o);
    case FORWARD_FORGET:
        return forget(c, e, cmd, o);
    default:
        log_warn("command-unknown", "a command of a newer zapkeep is left out", KI("verb", cmd->verb));
        say(o, true, "this zapkeep-forward does not know the command; update it");
        return 0;
    }
}

/* Those of one engine are sent in their order. */
static bool is_under_way(struct engine *e, const struct forward_command *cmd)
{
    return cmd->verb == FORWARD_TEST && cmd->n <= *engine_newest_test(e);
}

static int take(struct commands *c, struct engine *e, const struct forward_command *cmd)
{
    struct outcome o = { 0 };
    bool splits = must_be_split(c, cmd);
    int r = splits ? split(c, e, cmd) : apply(c, e, cmd, &o);

    if (r == 0)
        r = engine_commit(e);
    if (r != 0 || splits)
        return r;
    if (o.later)
        *engine_newest_test(e) = cmd->n;
    else
        finish(c, cmd->n, &o);
    return 0;
}

/* The first after *@n; one that is another forwarder's is left to it. Returns 0: there may be more. */
static int take_one(struct commands *c, int64_t *n, int *ret_taken)
{
    CLEANUP(buf_fini) struct buf texts = BUF_INIT(TEXTS_MAX);
    struct forward_command cmd = { 0 };
    struct engine *e;
    int r = state_store_open(c->state);

    if (r == 0)
        r = forward_command_first(c->state->db, *n, &cmd, &texts);
    if (r != 0)
        return r;
    *n = cmd.n;
    e = units_engine_for(c->units, cmd.filter.destination);
    if (!e || is_under_way(e, &cmd))
        return 0;
    r = take(c, e, &cmd);
    *ret_taken += r == 0;
    return r;
}

static void prune(struct commands *c)
{
    if (state_store_open(c->state) == 0)
        (void)forward_command_prune(c->state->db, app_wall_ms(c->app) - RESULT_KEEP_MS);
}

static bool is_at_work(const struct commands *c)
{
    for (int i = 0; i < units_count(c->units); i++) {
        if (units_engine(c->units, i))
            return true;
    }
    return false;
}

/* A look would find nothing. An error of the database is for the look to find. */
static bool is_quiet(const struct commands *c)
{
    int64_t version = 0;

    return !c->woken && c->looked_ms > 0 && c->state->db && store_is_server(c->state->dir) &&
           app_boot_ms(c->app) < c->looked_ms + QUIET_MS && db_data_version(c->state->db, &version) == 0 &&
           version == c->version;
}

static void look(struct commands *c)
{
    int64_t at = 0;
    int taken = 0;
    int r = state_store_open(c->state);

    c->woken = false;
    c->looked_ms = 0;
    if (r == 0 && store_is_server(c->state->dir))
        r = db_data_version(c->state->db, &c->version);
    while (r == 0)
        r = take_one(c, &at, &taken);
    if (taken > 0)
        prune(c);
    if (r > 0 && at == 0)
        c->looked_ms = app_boot_ms(c->app);
}

static void on_timer(void *ctx)
{
    struct commands *c = ctx;

    timer_start(c->timer, LOOK_MS);
    if (!is_at_work(c) || app_stopping(c->app))
        return;
    if (!is_quiet(c))
        look(c);
    for (int i = 0; i < units_count(c->units); i++) {
        if (units_engine(c->units, i))
            engine_poke(units_engine(c->units, i));
    }
}

void commands_notify(struct commands *c)
{
    c->woken = true;
    timer_start(c->timer, 0);
}

/* ---- opening --------------------------------------------------------------------------------- */

int commands_open(struct app *app, struct units *units, struct state_store *state, struct commands **ret)
{
    struct commands *c = mem_zalloc(sizeof *c);
    int r;

    if (!c)
        return -ENOMEM;
    *c = (struct commands){ .app = app, .units = units, .state = state };
    r = timer_open(app_loop(app), on_timer, c, &c->timer);
    if (r != 0) {
        mem_free(c);
        return r;
    }
    timer_start(c->timer, LOOK_MS);
    *ret = c;
    return 0;
}

void commands_close(struct commands *c)
{
    if (!c)
        return;
    timer_close(c->timer);
    mem_free(c);
}
