/* One order: read → applied to forward.db → committed → removed. A crash in between applies it twice, which
 * changes nothing more. */
#include "services/forwarder/commands.h"

#include <errno.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/store/forward_commands.h"
#include "services/forwarder/destination.h"
#include "services/forwarder/group_commit.h"

/* A name, a session and a type. */
#define TEXTS_MAX 8192

static bool is_for(const struct destination *d, const struct forward_command *o)
{
    return !o->filter.destination[0] || strcmp(o->filter.destination, d->config->name) == 0;
}

static void turn_destinations(struct forwarder *f, const struct forward_command *o)
{
    for (int i = 0; i < f->n; i++) {
        if (is_for(f->dest[i], o))
            destination_turn_off(f->dest[i], o->verb == FORWARD_OFF);
    }
}

static void retry_dead(struct forwarder *f, const struct forward_command *o)
{
    int64_t n = 0;

    forwarder_write(f);
    forwarder_note(f, forward_dead_redeliver(f->db, &o->filter, &n));
    for (int i = 0; i < f->n; i++) {
        f->dest[i]->redeliver_more = true;
        if (f->dest[i]->n_redeliver == 0)
            f->dest[i]->redeliver_after = 0;
    }
    log_info("dead-retry", "dead letters are tried again", KI("letters", n));
}

static void drop_dead(struct forwarder *f, const struct forward_command *o)
{
    int64_t n = 0;

    forwarder_write(f);
    forwarder_note(f, forward_dead_remove(f->db, &o->filter, &n));
    f->dead -= n;
    log_info("dead-drop", "dead letters are dropped", KI("letters", n));
}

static void apply(struct forwarder *f, const struct forward_command *o)
{
    switch (o->verb) {
    case FORWARD_DEAD_RETRY:
        retry_dead(f, o);
        break;
    case FORWARD_DEAD_DROP:
        drop_dead(f, o);
        break;
    case FORWARD_ON:
    case FORWARD_OFF:
        turn_destinations(f, o);
        break;
    default:
        log_warn("command-unknown", "a command of a newer zapkeep is left out", KI("verb", o->verb));
    }
}

/* Returns 0: there may be more. */
static int take_one(struct forwarder *f)
{
    CLEANUP(buf_fini) struct buf texts = BUF_INIT(TEXTS_MAX);
    struct forward_command o = { 0 };
    int r = group_commit_open_state(f);

    if (r == 0)
        r = forward_command_first(f->state, &o, &texts);
    if (r != 0)
        return r;
    apply(f, &o);
    if (!group_commit_end(f))
        return -EIO;
    return forward_command_remove(f->state, o.n);
}

void commands_on_timer(void *ctx)
{
    struct forwarder *f = ctx;

    timer_start(f->commands, COMMANDS_MS);
    if (!f->begun || app_stopping(f->app))
        return;
    while (f->begun && take_one(f) == 0)
        ;
    for (int i = 0; i < f->n; i++)
        destination_poke(f->dest[i]);
}
