/* One command: read → applied to forward.db → committed → removed. A crash in between applies it twice, which
 * changes nothing more. */
#include "services/forwarder/commands.h"

#include <errno.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/store/forward_commands.h"

#define LOOK_MS 2000
/* A name, a session and a type. */
#define TEXTS_MAX 8192

struct commands {
    struct app *app;
    struct startup *startup;
    struct state_store *state;
    struct timer *timer;
};

static bool is_for(const struct destination *d, const struct forward_command *cmd)
{
    return !cmd->filter.destination[0] || strcmp(cmd->filter.destination, destination_name(d)) == 0;
}

static int turn_destinations(struct engine *e, const struct forward_command *cmd)
{
    int r = 0;

    for (int i = 0; r == 0 && i < engine_destinations(e); i++) {
        struct destination *d = engine_destination(e, i);

        if (is_for(d, cmd))
            r = destination_turn_off(d, cmd->verb == FORWARD_OFF);
    }
    return r;
}

static int redeliver_dead(struct engine *e, const struct forward_command *cmd)
{
    int64_t n = 0;
    int r = dead_letters_redeliver(engine_dead_letters(e), &cmd->filter, &n);

    for (int i = 0; r == 0 && i < engine_destinations(e); i++)
        destination_redeliver(engine_destination(e, i));
    if (r == 0)
        log_info("dead-retry", "dead letters are redelivered", KI("letters", n));
    return r;
}

static int drop_dead(struct engine *e, const struct forward_command *cmd)
{
    int64_t n = 0;
    int r = dead_letters_drop(engine_dead_letters(e), &cmd->filter, &n);

    if (r == 0)
        log_info("dead-drop", "dead letters were dropped", KI("letters", n));
    return r;
}

static int apply(struct engine *e, const struct forward_command *cmd)
{
    switch (cmd->verb) {
    case FORWARD_DEAD_RETRY:
        return redeliver_dead(e, cmd);
    case FORWARD_DEAD_DROP:
        return drop_dead(e, cmd);
    case FORWARD_ON:
    case FORWARD_OFF:
        return turn_destinations(e, cmd);
    default:
        log_warn("command-unknown", "a command of a newer zapkeep is left out", KI("verb", cmd->verb));
        return 0;
    }
}

/* Returns 0: there may be more. */
static int take_one(struct commands *c, struct engine *e)
{
    CLEANUP(buf_fini) struct buf texts = BUF_INIT(TEXTS_MAX);
    struct forward_command cmd = { 0 };
    int r = state_store_open(c->state);

    if (r == 0)
        r = forward_command_first(c->state->db, &cmd, &texts);
    if (r == 0)
        r = apply(e, &cmd);
    if (r == 0)
        r = engine_commit(e);
    return r == 0 ? forward_command_remove(c->state->db, cmd.n) : r;
}

static void on_timer(void *ctx)
{
    struct commands *c = ctx;
    struct engine *e = startup_engine(c->startup);

    timer_start(c->timer, LOOK_MS);
    if (!e || app_stopping(c->app))
        return;
    while (take_one(c, e) == 0)
        ;
    engine_poke(e);
}

void commands_notify(struct commands *c)
{
    timer_start(c->timer, 0);
}

int commands_open(struct app *app, struct startup *startup, struct state_store *state, struct commands **ret)
{
    struct commands *c = mem_zalloc(sizeof *c);
    int r;

    if (!c)
        return -ENOMEM;
    *c = (struct commands){ .app = app, .startup = startup, .state = state };
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
