#include "services/forwarder/redeliver.h"

#include "common/base/log.h"

void redeliver_init(struct redeliver *r, struct backlog *b, struct dead_letters *dead, struct db *db,
                    const char *name)
{
    *r = (struct redeliver){ .backlog = b, .dead = dead, .db = db, .name = name, .more = true };
}

void redeliver_ordered(struct redeliver *r)
{
    r->more = true;
    if (r->n == 0)
        r->after_id = 0;
}

static int on_letter(void *ctx, const struct forward_dead *letter)
{
    struct redeliver *r = ctx;
    int result = backlog_add_letter(r->backlog, letter);

    if (result != 0)
        return result;
    r->n++;
    r->after_id = letter->id;
    return 0;
}

int redeliver_load(struct redeliver *r)
{
    int before = r->n;
    int result;

    if (!r->more || r->n > REDELIVER_MAX / 2)
        return 0;
    result = forward_dead_redeliver_each(r->db, r->name, r->after_id, REDELIVER_MAX - r->n, on_letter, r);
    r->more = r->n > before;
    return result == 0 ? 0 : group_commit_fail(r->dead->commit, result);
}

int redeliver_ended(struct redeliver *r, const struct backlog_entry *e, const struct delivery_error *error)
{
    int64_t id = e->event->letter_id;
    int result = error ? dead_letters_failed_again(r->dead, id, error) : dead_letters_delivered(r->dead, id);

    if (!error)
        log_info("redelivered", "a dead letter was delivered", KS("destination", r->name),
                 KS("event", e->event->event.id));
    r->n--;
    backlog_forget_letter(r->backlog, e);
    return result;
}
