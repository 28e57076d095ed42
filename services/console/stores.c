#include "services/console/stores.h"

#include <errno.h>
#include <stdio.h>

#include "common/base/mem.h"

/* Nobody may ask the console for anything for hours; /ready has to know. */
#define LOOK_MS 5000

struct stores {
    struct app *app;
    const struct app_settings *settings;
    struct db *state, *forward;
    struct event_reader *log;
    struct timer *look;
    int state_r; /* of the last try */
};

static void on_look(void *ctx)
{
    struct stores *s = ctx;
    struct db *db;

    (void)stores_state(s, &db);
    timer_start(s->look, LOOK_MS);
}

static int check_state(void *ctx, char *ret_why, size_t n)
{
    const struct stores *s = ctx;

    (void)snprintf(ret_why, n, "state.db cannot be used: %s", err_text(s->state_r));
    return s->state_r == 0 ? 0 : 1;
}

int stores_new(struct app *app, const struct app_settings *settings, struct stores **ret)
{
    struct stores *s = mem_zalloc(sizeof *s);
    int r = s ? timer_open(app_loop(app), on_look, s, &s->look) : -ENOMEM;

    if (r != 0) {
        mem_free(s);
        return r;
    }
    s->app = app;
    s->settings = settings;
    app_check_add(app, &(struct app_check){ "store", check_state, s, true });
    timer_start(s->look, LOOK_MS);
    *ret = s;
    return 0;
}

void stores_free(struct stores *s)
{
    if (!s)
        return;
    timer_close(s->look);
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
    s->state_r = r == -EAGAIN ? s->state_r : r; /* locked for a moment: nothing new */
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
