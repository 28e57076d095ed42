/*
 * Following the event log.
 *
 * One look, when all goes well:
 *   on_timer   a notification or a commit (at once) or the sweep (after 2 s) is due
 *   look       reads the rows after the position, one snapshot, at most 256
 *   deliver    hands them to the owner, moves the position on
 *   schedule   at once again while there is more, else the sweep
 * When it does not: no events.db yet, or it cannot be read -> reported once, tried again with backoff, a
 * notification tries at once. The file was replaced -> it is another log: from its start. The owner pauses ->
 * nothing is read until it resumes. The consumer never reads a message of the bus: the log has its content.
 */
#include "common/app/consumer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/app/store_watch.h"
#include "common/base/mem.h"
#include "common/io/file_watch.h"
#include "common/store/events_log.h"
#include "common/store/store.h"

#define PREFIX_MAX 64
/* Looks for commits are so far apart: one that stands alone is seen at once, and in a crowd, also of events
 * of other types, not each costs a look. */
#define COMMIT_REST_MS 5
/* The program's roles are renewed within these, and find out whether it is the log alone that cannot be read: some 15 s. */
#define OUTAGE_TRIES 7

struct consumer {
    struct app *app;
    struct event_filter filter;
    char *dir;
    int (*on_batch)(void *ctx, const struct event_rows *rows);
    void (*on_error)(void *ctx, int r, const char *detail);
    void *ctx;

    struct event_reader *reader;
    struct bus_sub *sub;
    struct file_watch *watch;        /* NULL: there are notifications and sweeps */
    struct store_watch *store_watch; /* the same of a database server */
    struct timer *timer;
    struct event_rows rows;
    struct backoff backoff;
    bool (*may_read)(void *ctx);
    int64_t position, head;
    int64_t commit_look_ms; /* when the last look for a commit is or was due, of the loop */
    char log_id[16];        /* of the log the position belongs to, "" unknown */
    char prefix[PREFIX_MAX];
    bool failing; /* on_error was called, or is to be */
    bool is_said; /* … was called */
    bool paused, stopped;
    bool at_once; /* the timer is set to fire at once */
};

/* ---- scheduling ------------------------------------------------------------------------------ */

static void schedule(struct consumer *c, int64_t after_ms)
{
    c->at_once = after_ms == 0;
    timer_start(c->timer, after_ms);
}

void consumer_notify(struct consumer *c)
{
    if (!c->at_once && !c->paused && !c->stopped)
        schedule(c, 0);
}

void consumer_resume(struct consumer *c)
{
    c->paused = false;
    consumer_notify(c);
}

static void on_message(void *ctx, struct str message)
{
    (void)message;
    consumer_notify(ctx);
}

static void on_commit(void *ctx)
{
    struct consumer *c = ctx;
    int64_t now_ms = loop_now_ms(app_loop(c->app));

    if (c->at_once || c->paused || c->stopped)
        return;
    if (c->commit_look_ms <= now_ms - COMMIT_REST_MS)
        c->commit_look_ms = now_ms;
    else if (c->commit_look_ms <= now_ms)
        c->commit_look_ms += COMMIT_REST_MS;
    schedule(c, c->commit_look_ms - now_ms);
}

/* The hub is back: notifications that were published meanwhile are lost. */
static void on_link(void *ctx, bool up)
{
    if (up)
        consumer_notify(ctx);
}

/* ---- the reader ------------------------------------------------------------------------------ */

static void close_reader(struct consumer *c)
{
    store_watch_close(c->store_watch);
    c->store_watch = NULL;
    event_reader_close(c->reader);
    c->reader = NULL;
}

/* ---- failing and coming back ----------------------------------------------------------------- */

static void report(struct consumer *c, int r, const char *detail)
{
    if (c->on_error)
        c->on_error(c->ctx, r, detail);
}

static void stop(struct consumer *c, int r)
{
    c->stopped = true;
    timer_stop(c->timer);
    report(c, r, err_text(r));
}

/* A database that does not answer is away for the whole program, which says so itself. After some tries it is the log alone. */
static bool is_outage(const struct consumer *c, int r)
{
    return r == -ENOTCONN && store_is_server(c->dir) &&
           (app_store_is_away(c->app) || c->backoff.tries < OUTAGE_TRIES);
}

static void fail(struct consumer *c, int r, const char *detail)
{
    if (!c->is_said && !is_outage(c, r)) {
        report(c, r, detail);
        c->is_said = true;
    }
    c->failing = true;
    close_reader(c);
    schedule(c, backoff_next_ms(&c->backoff));
}

static void recovered(struct consumer *c)
{
    backoff_reset(&c->backoff);
    if (c->is_said)
        report(c, 0, "reading the event log");
    c->failing = false;
    c->is_said = false;
}

static void start_over(struct consumer *c)
{
    report(c, -ESTALE, "the event log is another one than before: reading it from its start");
    c->position = 0;
    c->head = 0;
}

/* ---- reading --------------------------------------------------------------------------------- */

static const char *open_problem(const struct consumer *c, int r)
{
    if (r != -ENOENT)
        return err_text(r);
    return store_is_server(c->dir) ? "there are no tables of zapkeep yet, waiting for zapkeep store init"
                                   : "there is no events.db yet, waiting for webhook-ingest to make it";
}

/* A commit is seen before its notification has come through the hub. */
static void watch_commits(struct consumer *c)
{
    file_watch_close(c->watch);
    c->watch = NULL;
    (void)file_watch_open(app_loop(c->app), c->dir, EVENTS_LOCK_FILE, FILE_WATCH_TIMES, on_commit, c,
                          &c->watch);
    (void)store_watch_open(app_loop(c->app), event_reader_db(c->reader), on_commit, c, &c->store_watch);
}

static int open_reader(struct consumer *c)
{
    const char *id;
    int r;

    if (c->reader && event_reader_is_stale(c->reader))
        close_reader(c);
    if (c->reader)
        return 0;
    r = event_reader_open(c->dir, &c->reader);
    if (r != 0)
        return r;
    watch_commits(c);
    id = event_reader_log_id(c->reader);
    if (c->log_id[0] && strcmp(c->log_id, id) != 0)
        start_over(c);
    (void)snprintf(c->log_id, sizeof c->log_id, "%s", id);
    return 0;
}

/* Returns the owner's answer, or 0 when there was nothing to report. */
static int deliver(struct consumer *c)
{
    int64_t position = c->rows.next_seq - 1;

    if (c->rows.n == 0 && position <= c->position)
        return CONSUMER_MORE;
    c->position = position;
    return c->on_batch(c->ctx, &c->rows);
}

static int64_t sweep_ms(const struct consumer *c)
{
    return store_watch_is_live(c->store_watch) ? CONSUMER_WATCHED_SWEEP_MS : CONSUMER_SWEEP_MS;
}

static void took(struct consumer *c)
{
    int flow = deliver(c);

    if (flow < 0) {
        stop(c, flow);
        return;
    }
    c->paused = c->paused || flow == CONSUMER_PAUSE;
    if (!c->paused)
        schedule(c, c->position < c->head ? 0 : sweep_ms(c));
    if (store_watch_came(c->store_watch)) /* while this was read */
        on_commit(c);
}

static void look(struct consumer *c)
{
    int r = open_reader(c);

    if (r != 0) {
        fail(c, r, open_problem(c, r));
        return;
    }
    (void)store_watch_came(c->store_watch); /* this look is for them */
    r = event_read(c->reader, c->position + 1, &c->filter, EVENT_READ_ROWS_MAX, &c->rows);
    if (r != 0) {
        fail(c, r, event_reader_error(c->reader));
        return;
    }
    recovered(c);
    if (c->position > c->rows.head_seq) { /* the cursor is of a log that is gone */
        start_over(c);
        schedule(c, 0);
        return;
    }
    c->head = c->rows.head_seq;
    took(c);
}

static void on_timer(void *ctx)
{
    struct consumer *c = ctx;

    c->at_once = false;
    if (c->paused || c->stopped)
        return;
    if (c->may_read && !c->may_read(c->ctx))
        schedule(c, CONSUMER_SWEEP_MS);
    else
        look(c);
}

/* ---- opening --------------------------------------------------------------------------------- */

/* Only matching events wake the consumer; log.head once a second moves the position over the rest. */
static int subscribe(struct consumer *c, const char *bus_out)
{
    const char *prefixes[] = { "log.head", "message.", "session.", "event." };
    int n = ARRAY_LEN(prefixes);

    if (c->filter.type_prefix.n > 0 && c->filter.type_prefix.n < PREFIX_MAX) {
        (void)snprintf(c->prefix, sizeof c->prefix, "%.*s", (int)c->filter.type_prefix.n,
                       c->filter.type_prefix.p);
        prefixes[1] = c->prefix;
        n = 2;
    }
    return bus_sub_open(app_loop(c->app), bus_out, prefixes, n, on_message, on_link, c, &c->sub);
}

int consumer_open(struct app *app, const struct consumer_options *o,
                  int (*on_batch)(void *ctx, const struct event_rows *rows),
                  void (*on_error)(void *ctx, int r, const char *detail), void *ctx, struct consumer **ret)
{
    struct consumer *c = mem_zalloc(sizeof *c);
    int r = 0;

    if (!c)
        return -ENOMEM;
    c->app = app;
    c->filter = o->filter;
    c->on_batch = on_batch;
    c->on_error = on_error;
    c->may_read = o->may_read;
    c->ctx = ctx;
    c->position = o->after_seq;
    c->dir = mem_strdup(o->dir);
    if (!c->dir)
        r = -ENOMEM;
    if (r == 0)
        r = timer_open(app_loop(app), on_timer, c, &c->timer);
    if (r == 0 && !o->sub)
        r = subscribe(c, o->bus_out);
    if (r != 0) {
        consumer_close(c);
        return r;
    }
    schedule(c, 0);
    *ret = c;
    return 0;
}

void consumer_close(struct consumer *c)
{
    if (!c)
        return;
    bus_sub_close(c->sub);
    file_watch_close(c->watch);
    timer_close(c->timer);
    close_reader(c);
    event_rows_fini(&c->rows);
    mem_free(c->dir);
    mem_free(c);
}

int64_t consumer_position(const struct consumer *c)
{
    return c->position;
}

int64_t consumer_head(const struct consumer *c)
{
    return c->head;
}
