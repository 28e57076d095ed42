#include "services/forwarder/dead_letters.h"

#include "services/forwarder/forward_metrics.h"

int dead_letters_init(struct dead_letters *d, struct app *app, struct db *db, struct group_commit *commit)
{
    *d = (struct dead_letters){ .app = app, .db = db, .commit = commit };
    return forward_dead_count(db, NULL, &d->n);
}

bool dead_letters_have_room(const struct dead_letters *d)
{
    return d->n < FORWARD_DEAD_MAX;
}

static int64_t wall_ms(const struct dead_letters *d)
{
    return app_wall_ms(d->app);
}

static void publish(const struct dead_letters *d, const struct forward_dead *dead)
{
    struct message m;

    message_init(&m);
    m.type = str_from(topic_type_text(TOPIC_FORWARD_DEAD));
    m.bridge = dead->event.bridge;
    m.session = dead->event.session;
    m.destination = str_from(dead->destination);
    m.seq = dead->event.seq;
    m.attempt = dead->tries;
    m.http_status = dead->status;
    m.text = str_from(dead->reason);
    app_publish(d->app, &m);
}

int dead_letters_put(struct dead_letters *d, const struct dead_letter_of *of, const struct event *e,
                     const char *reason, int64_t tries, const struct delivery_error *error)
{
    struct forward_dead dead = { .tries = tries, .dead_at = wall_ms(d), .detail = STR_LIT(""), .event = *e };
    int r = group_commit_begin(d->commit);

    str_copy(str_from(of->name), dead.destination, sizeof dead.destination);
    str_copy(str_from(reason), dead.reason, sizeof dead.reason);
    if (error) {
        dead.status = error->status;
        dead.detail = str_from(error->detail);
        dead.answer = error->answer;
    }
    if (r == 0)
        r = forward_dead_put(d->db, &dead);
    if (r != 0)
        return group_commit_fail(d->commit, r);
    d->n++;
    metric_add(&forward_dead_total, of->index, 1);
    publish(d, &dead);
    return 0;
}

int dead_letters_delivered(struct dead_letters *d, int64_t id)
{
    bool found = false;
    int r = group_commit_begin(d->commit);

    if (r == 0)
        r = forward_dead_remove_one(d->db, id, &found);
    if (r != 0)
        return group_commit_fail(d->commit, r);
    d->n -= found;
    return 0;
}

int dead_letters_failed_again(struct dead_letters *d, int64_t id, const struct delivery_error *error)
{
    struct forward_dead dead = { .id = id,
                                 .status = error->status,
                                 .dead_at = wall_ms(d),
                                 .detail = str_from(error->detail),
                                 .answer = error->answer };
    int r = group_commit_begin(d->commit);

    str_copy(STR_LIT("its redelivery failed"), dead.reason, sizeof dead.reason);
    if (r == 0)
        r = forward_dead_returned(d->db, &dead);
    return r == 0 ? 0 : group_commit_fail(d->commit, r);
}

int dead_letters_redeliver(struct dead_letters *d, const struct forward_dead_filter *filter, int64_t *ret_n)
{
    int r = group_commit_begin(d->commit);

    if (r == 0)
        r = forward_dead_redeliver(d->db, filter, ret_n);
    return r == 0 ? 0 : group_commit_fail(d->commit, r);
}

int dead_letters_drop(struct dead_letters *d, const struct forward_dead_filter *filter, int64_t *ret_n)
{
    int r = group_commit_begin(d->commit);

    if (r == 0)
        r = forward_dead_remove(d->db, filter, ret_n);
    if (r != 0)
        return group_commit_fail(d->commit, r);
    d->n -= *ret_n;
    return 0;
}
