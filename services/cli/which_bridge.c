#include "services/cli/which_bridge.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/ops/open_state.h"
#include "common/store/bridges.h"
#include "common/store/sessions.h"

bool cli_is_about_all(const struct cli_settings *s)
{
    return s->config && s->config->n > 1 && !*s->bridge_name;
}

/* ---- the settings of one bridge -------------------------------------------------------------- */

/* A bridge that was in the file once: its rows can still be shown. */
static bool has_row(const struct cli_settings *s, const char *name)
{
    struct bridge_row row;
    struct db *db = NULL;
    int r = ops_open_state(app_store(&s->app), &db);

    if (r == 0)
        r = bridges_find(db, name, &row);
    db_close(db);
    return r == 0;
}

static int set_name(struct cli_settings *s, const struct setting *table, const char *name)
{
    CLEANUP(buf_fini) struct buf problem = BUF_INIT(SETTINGS_VALUE_MAX);
    int r = settings_set(table, "WHATSAPP_BRIDGE_NAME", "--bridge", name, s, &problem);

    if (r == 0 && s->config)
        r = settings_set(table, "WHATSAPP_API_URL", "url", "", s, &problem);
    return r == 0 ? EXIT_GO_ON
                  : cli_problem(EXIT_USAGE, "%s", r == -EINVAL ? buf_str(&problem) : err_text(r));
}

static void add_names(const struct cli_settings *s, struct buf *out)
{
    for (int i = 0; i < s->config->n; i++)
        (void)buf_addf(out, "%s%s", i ? ", " : "", s->config->at[i]->name);
}

int which_bridge_take(struct cli_settings *s, const struct setting *table, const char *name)
{
    const struct bridge_section *section = s->config ? bridge_config_find(s->config, name) : NULL;
    CLEANUP(buf_fini) struct buf text = BUF_INIT(SETTINGS_VALUE_MAX * 2);
    int r;

    if (!s->config || (!section && has_row(s, name)))
        return set_name(s, table, name);
    if (!section) {
        add_names(s, &text);
        return cli_problem(EXIT_USAGE, "there is no bridge %s in %s; there is %s", name, s->bridge.file,
                           buf_str(&text));
    }
    r = bridge_section_apply(section, table, s, &text);
    return r == 0 ? EXIT_GO_ON : cli_problem(EXIT_USAGE, "%s", r == -EINVAL ? buf_str(&text) : err_text(r));
}

/* ---- a session's bridge ---------------------------------------------------------------------- */

struct search {
    const char *id;
    char bridge[BRIDGES_NAME_MAX]; /* of the first one */
    int n;
    struct buf found; /* "sales/ID, support/ID" */
};

static int on_session(void *ctx, const struct session_row *row)
{
    struct search *f = ctx;

    if (strcmp(row->id, f->id) != 0)
        return 0;
    if (f->n++ == 0)
        str_copy(str_from(row->bridge), f->bridge, sizeof f->bridge);
    return buf_addf(&f->found, "%s%s/%s", f->n > 1 ? ", " : "", row->bridge, row->id) == -ENOMEM ? -ENOMEM
                                                                                                 : 0;
}

static int search_state(const struct cli_settings *s, struct search *f)
{
    struct db *db = NULL;
    int r = ops_open_state(app_store(&s->app), &db);

    if (r == 0)
        r = sessions_each(db, NULL, on_session, f);
    db_close(db);
    return r;
}

static int find_bridge(struct cli_settings *s, const struct setting *table, const char *id)
{
    CLEANUP(buf_fini) struct buf found = BUF_NULL, names = BUF_INIT(SETTINGS_VALUE_MAX);
    struct search f = { .id = id, .found = BUF_INIT(SETTINGS_VALUE_MAX) };
    int r = search_state(s, &f);

    found = f.found;
    if (r < 0 && r != -ENOENT)
        return cli_store_problem(app_store(&s->app), STATE_DB_FILE, r);
    if (f.n == 1)
        return which_bridge_take(s, table, f.bridge);
    if (f.n > 1)
        return cli_problem(EXIT_USAGE, "session %s is on several bridges; say which: %s", id,
                           buf_str(&found));
    add_names(s, &names);
    return cli_problem(
        EXIT_NEGATIVE,
        "there is no session %s on any bridge; for a new one name its bridge, as %s/%s (there is "
        "%s)",
        id, s->config->at[0]->name, id, buf_str(&names));
}

/* "sales/s1": a bridge that is known, and then the session. */
static int take_prefix(struct cli_settings *s, const struct setting *table, const char **arg, bool *ret_taken)
{
    const char *slash = strchr(*arg, '/');
    char name[BRIDGES_NAME_MAX];

    *ret_taken = false;
    if (!slash || (size_t)(slash - *arg) >= sizeof name)
        return EXIT_GO_ON;
    str_copy((struct str){ *arg, (size_t)(slash - *arg) }, name, sizeof name);
    if (!text_is_id(str_from(name)) || !((s->config && bridge_config_find(s->config, name)) ||
                                         strcmp(name, s->bridge.name) == 0 || has_row(s, name)))
        return EXIT_GO_ON;
    *ret_taken = true;
    *arg = slash + 1;
    return which_bridge_take(s, table, name);
}

/* ---- the command ----------------------------------------------------------------------------- */

static int read_config(struct cli_settings *s)
{
    CLEANUP(buf_fini) struct buf problem = BUF_INIT(SETTINGS_VALUE_MAX * 2);
    int r;

    if (!*s->bridge.file)
        return EXIT_GO_ON;
    s->config = mem_zalloc(sizeof *s->config);
    r = s->config ? bridge_config_read(s->bridge.file, &problem, s->config) : -ENOMEM;
    return r == 0 ? EXIT_GO_ON
                  : cli_problem(EXIT_USAGE, "%s", r == -EINVAL ? buf_str(&problem) : err_text(r));
}

int which_bridge(struct cli_settings *s, const struct setting *table, struct settings_args *args,
                 bool is_session)
{
    bool taken = false, one = is_session && args && args->n == 1;
    int code = read_config(s);

    if (code == EXIT_GO_ON && *s->bridge_name)
        return which_bridge_take(s, table, s->bridge_name);
    if (code == EXIT_GO_ON && one)
        code = take_prefix(s, table, &args->arg[0], &taken);
    if (code != EXIT_GO_ON || taken || !s->config)
        return code;
    if (one && s->config->n > 1)
        return find_bridge(s, table, args->arg[0]);
    return which_bridge_take(s, table, s->config->at[0]->name);
}

const char *session_argument(const struct cli_settings *s, const char *bridge, const char *id,
                             char ret[SESSION_ARGUMENT_MAX])
{
    bool several = s->config && s->config->n > 1;

    (void)snprintf(ret, SESSION_ARGUMENT_MAX, "%s%s%s", several ? bridge : "", several ? "/" : "", id);
    return ret;
}
