#include "services/console/replays.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "common/base/json_in.h"
#include "common/base/mem.h"
#include "services/console/child_cli.h"
#include "services/console/stores.h"

#define REPLAY_MS (24 * 3600 * 1000LL)

struct replay {
    struct replays *all;
    int64_t id; /* 0: a free place */
    struct event_selection_count counted;
    int64_t sent, failed, started_at;
    bool over;
    int status;
    char detail[400];
    struct proc_lines *child;
};

struct replays {
    const struct console_context *c;
    int64_t next_id;
    struct replay replay[REPLAYS_MAX];
};

static void write(const char *id, const char *step, const struct event_selection_count *n,
                  const struct replay *r, struct json_out *j)
{
    json_open(j, NULL, '{');
    json_texts(j, "id", id);
    json_texts(j, "step", step);
    json_int(j, "matched", n->events);
    json_int(j, "first_seq", n->first_seq);
    json_int(j, "last_seq", n->last_seq);
    json_int(j, "sent", r ? r->sent : 0);
    json_int(j, "failed", r ? r->failed : 0);
    json_texts(j, "detail", r ? r->detail : "");
    json_int(j, "started_at", r ? r->started_at : 0);
    json_close(j, '}');
}

void replays_json_counted(const struct replay_order *o, struct json_out *j)
{
    write("", "counted", &o->counted, NULL, j);
}

int replays_json(struct replays *all, int64_t id, struct json_out *j)
{
    char text[24];

    for (int i = 0; i < REPLAYS_MAX; i++) {
        const struct replay *r = &all->replay[i];

        if (id <= 0 || r->id != id)
            continue;
        (void)snprintf(text, sizeof text, "%" PRId64, id);
        write(text, !r->over ? "running" : r->status == 0 ? "done" : "failed", &r->counted, r, j);
        return 0;
    }
    return REPLAYS_NONE;
}

/* Its one line, at the end. */
static void on_line(void *ctx, struct str line)
{
    enum { TAKEN, FAILED, N };
    static const struct json_path paths[N] = { { TAKEN, { "taken" } }, { FAILED, { "failed" } } };
    struct replay *r = ctx;
    struct json_value v[N];

    if (json_in_find(line, paths, N, v) != 0)
        return;
    (void)json_in_i64(v[TAKEN], &r->sent);
    (void)json_in_i64(v[FAILED], &r->failed);
}

static void on_exit_status(void *ctx, int status, const char *last_error)
{
    struct replay *r = ctx;

    r->child = NULL;
    r->over = true;
    r->status = status;
    if (status != 0)
        (void)child_cli_problem(status, last_error, r->detail, sizeof r->detail);
}

/* Room for the words that name the replayed events and their target. */
struct command {
    char from[40], to[40], bridge[100], session[300], type[100], to_url[600];
    const char *words[CHILD_CLI_WORDS_MAX];
    const char *sessions[EVENT_SELECTION_SESSIONS_MAX + 1];
};

/* An option and its value in one word: a value is never taken for a flag. */
static int add_option(char *ret, size_t n, const char *option, struct str value, const char **word)
{
    if (value.n == 0)
        return 0;
    (void)snprintf(ret, n, "--%s=%.*s", option, (int)value.n, value.p);
    *word = ret;
    return 1;
}

static void make_command(const struct replay_order *o, struct command *ret)
{
    const struct event_filter *f = &o->what->filter;
    const char **w = ret->words;
    int n = 0;

    (void)snprintf(ret->from, sizeof ret->from, "--from=%" PRId64, o->counted.first_seq);
    (void)snprintf(ret->to, sizeof ret->to, "--to=%" PRId64, o->counted.last_seq);
    w[n++] = "replay";
    w[n++] = ret->from;
    w[n++] = ret->to;
    n += add_option(ret->bridge, sizeof ret->bridge, "bridge", f->bridge, &w[n]);
    n += add_option(ret->session, sizeof ret->session, "session", f->session, &w[n]);
    n += add_option(ret->type, sizeof ret->type, "type", f->type_prefix, &w[n]);
    n += add_option(ret->to_url, sizeof ret->to_url, "to-url", str_from(o->to_url), &w[n]);
    w[n++] = "--public-only"; /* a login at the console is no login on this machine */
    for (int i = 0; i < o->what->sessions; i++)
        ret->sessions[i] = o->what->session[i];
}

int replays_start(struct replays *all, const struct replay_order *o, int64_t *ret_id)
{
    struct proc_lines_spec spec = { .timeout_ms = REPLAY_MS, .on_line = on_line, .on_exit = on_exit_status };
    struct command command = { 0 };
    struct replay *r = NULL;
    int result;

    for (int i = 0; i < REPLAYS_MAX; i++) {
        if (!all->replay[i].child && (!r || all->replay[i].id < r->id))
            r = &all->replay[i];
    }
    if (!r)
        return -EBUSY;
    make_command(o, &command);
    *r = (struct replay){ .all = all, .started_at = stores_wall_ms(all->c->stores) };
    spec.ctx = r;
    result = child_cli_start(all->c, command.words, o->what->sessions > 0 ? command.sessions : NULL, &spec,
                             &r->child);
    if (result != 0)
        return result;
    r->id = all->next_id++;
    r->counted = o->counted;
    *ret_id = r->id;
    return 0;
}

int replays_new(const struct console_context *c, struct replays **ret)
{
    struct replays *all = mem_zalloc(sizeof *all);

    if (!all)
        return -ENOMEM;
    all->c = c;
    all->next_id = 1 + (int64_t)(rng_next(app_rng(c->app)) % 1000000);
    *ret = all;
    return 0;
}

void replays_free(struct replays *all)
{
    for (int i = 0; all && i < REPLAYS_MAX; i++)
        proc_lines_stop(all->replay[i].child);
    mem_free(all);
}
