#include "services/console/stores.h"

#include <errno.h>

#include "common/base/mem.h"

struct stores {
    struct app *app;
    const struct app_settings *settings;
    struct db *state, *forward;
    struct event_reader *log;
};

int stores_new(struct app *app, const struct app_settings *settings, struct stores **ret)
{
    struct stores *s = mem_zalloc(sizeof *s);

    if (!s)
        return -ENOMEM;
    s->app = app;
    s->settings = settings;
    *ret = s;
    return 0;
}

void stores_free(struct stores *s)
{
    if (!s)
        return;
    db_close(s->state);
    db_close(s->forward);
    event_reader_close(s->log);
    mem_free(s);
}

/* A file that was replaced or whose sync failed is opened anew. */
static int check(struct db **io)
{
    int r;

    if (!*io)
        return 0;
    r = db_sync_failed(*io) ? -ESTALE : db_begin_reads(*io);
    if (r == 0)
        db_end_reads(*io);
    if (r != 0 && r != -EAGAIN) {
        db_close(*io);
        *io = NULL;
    }
    return r == -EAGAIN ? r : 0;
}

int stores_state(struct stores *s, struct db **ret)
{
    int r = check(&s->state);

    if (r == 0 && !s->state)
        r = db_open_state(app_store(s->settings), &s->state);
    if (r == 0)
        *ret = s->state;
    return r;
}

int stores_forward(struct stores *s, struct db **ret)
{
    int r = check(&s->forward);

    if (r == 0 && !s->forward)
        r = forward_open_reader(app_store(s->settings), &s->forward);
    if (r == 0)
        *ret = s->forward;
    return r;
}

int stores_log(struct stores *s, struct event_reader **ret)
{
    int r = 0;

    if (s->log && event_reader_is_stale(s->log)) {
        event_reader_close(s->log);
        s->log = NULL;
    }
    if (!s->log)
        r = event_reader_open(app_store(s->settings), &s->log);
    if (r == 0)
        *ret = s->log;
    return r;
}

int stores_now(struct stores *s, struct now *ret)
{
    struct db *db;
    int r = stores_state(s, &db);

    return r == 0 ? steady_now(db, app_clock(s->app), ret) : r;
}

int64_t stores_wall_ms(const struct stores *s)
{
    struct clock *c = app_clock(s->app);

    return c->wall_ms(c);
}

const char *stores_problem(const struct stores *s, const char *part, int r, char *ret, size_t n)
{
    return db_problem(app_store(s->settings), part, r, ret, n);
}

const char *stores_data_dir(const struct stores *s)
{
    return s->settings->data_dir;
}
