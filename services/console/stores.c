#include "services/console/stores.h"

#include <errno.h>
#include <stdio.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "services/console/child_cli.h"

/* Nobody may ask the console for anything for hours; /ready has to know. */
#define LOOK_MS 5000
/* While a database does not answer. */
#define TRY_MS 2000
/* Of the child that tries. */
#define TRY_TIMEOUT_MS 20000
/* A connection that breaks so late hangs: opening another one would, too. */
#define HANGS_US 1000000

struct stores {
    struct app *app;
    const struct app_settings *settings;
    const struct console_context *c;
    struct proc_lines *trying; /* NULL: no child runs */
    bool answers;              /* it has got a line */
    int away_r;                /* the database does not answer; 0: it does */
    struct db *state, *forward;
    struct event_reader *log;
    struct timer *look;
    int state_r; /* of the last try */
};

/* ---- a database that does not answer --------------------------------------------------------- */

static void on_line(void *ctx, struct str line)
{
    struct stores *s = ctx;

    (void)line;
    s->answers = true;
}

static void on_tried(void *ctx, int status, const char *last_error)
{
    struct stores *s = ctx;

    (void)status;
    (void)last_error;
    s->trying = NULL;
    if (!s->answers)
        return;
    log_info("store-answers", "the database answers again");
    s->away_r = 0;
}

static void try(struct stores *s)
{
    static const char *const words[] = { "store", "status", NULL };
    const struct proc_lines_spec spec = {
        .timeout_ms = TRY_TIMEOUT_MS, .on_line = on_line, .on_exit = on_tried, .ctx = s
    };

    s->answers = false;
    if (!s->trying && child_cli_start(s->c, words, NULL, &spec, &s->trying) != 0)
        s->away_r = 0; /* nobody can try it for us */
}

static int lost(struct stores *s, int r)
{
    if (r != -ENOTCONN || !store_is_server(app_store(s->settings)))
        return r;
    if (s->away_r == 0)
        log_warn("store-away", "the database does not answer; it is tried every 2 s",
                 KS("error", err_text(r)));
    s->away_r = s->state_r = r;
    timer_start(s->look, TRY_MS);
    return r;
}

bool stores_are_away(const struct stores *s)
{
    return s->away_r != 0;
}

static void on_look(void *ctx)
{
    struct stores *s = ctx;
    struct db *db;

    if (s->away_r != 0)
        try(s);
    else
        (void)stores_state(s, &db);
    timer_start(s->look, s->away_r != 0 ? TRY_MS : LOOK_MS);
}

/* ---- the connections ------------------------------------------------------------------------- */

static int check_state(void *ctx, char *ret_why, size_t n)
{
    const struct stores *s = ctx;

    (void)snprintf(ret_why, n, "%s cannot be used: %s", store_part(app_store(s->settings), STATE_DB_FILE),
                   err_text(s->state_r));
    return s->state_r == 0 ? 0 : 1;
}

int stores_new(const struct console_context *c, struct stores **ret)
{
    struct stores *s = mem_zalloc(sizeof *s);
    int r = s ? timer_open(app_loop(c->app), on_look, s, &s->look) : -ENOMEM;

    if (r != 0) {
        mem_free(s);
        return r;
    }
    s->app = c->app;
    s->settings = &c->settings->app;
    s->c = c;
    app_check_add(c->app, &(struct app_check){ "store", check_state, s, true });
    timer_start(s->look, LOOK_MS);
    *ret = s;
    return 0;
}

void stores_free(struct stores *s)
{
    if (!s)
        return;
    timer_close(s->look);
    proc_lines_stop(s->trying);
    db_close(s->state);
    db_close(s->forward);
    event_reader_close(s->log);
    mem_free(s);
}

/* A file that was replaced or whose sync failed is opened anew, a connection that broke, too. */
static int check(struct stores *s, struct db **io)
{
    int64_t began_us = clock_mono_us();
    int r;

    if (s->away_r != 0 || !*io)
        return s->away_r;
    r = db_sync_failed(*io) ? -ESTALE : db_begin_reads(*io);
    if (r == 0)
        db_end_reads(*io);
    if (r != 0 && r != -EAGAIN) {
        db_close(*io);
        *io = NULL;
    }
    if (r == -ENOTCONN && clock_mono_us() - began_us > HANGS_US)
        return lost(s, r);
    return r == -EAGAIN ? r : 0;
}

int stores_state(struct stores *s, struct db **ret)
{
    int r = check(s, &s->state);

    if (r == 0 && !s->state)
        r = lost(s, db_open_state(app_store(s->settings), &s->state));
    s->state_r = r == -EAGAIN ? s->state_r : r; /* locked for a moment: nothing new */
    if (r == 0)
        *ret = s->state;
    return r;
}

int stores_forward(struct stores *s, struct db **ret)
{
    int r = check(s, &s->forward);

    if (r == 0 && !s->forward)
        r = lost(s, forward_open_reader(app_store(s->settings), &s->forward));
    if (r == 0)
        *ret = s->forward;
    return r;
}

int stores_log(struct stores *s, struct event_reader **ret)
{
    int r = s->away_r;

    if (r != 0)
        return r;
    if (s->log && event_reader_is_stale(s->log)) {
        event_reader_close(s->log);
        s->log = NULL;
    }
    if (!s->log)
        r = lost(s, event_reader_open(app_store(s->settings), &s->log));
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
