#include "common/app/bridge_config.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/app/app_spec.h"
#include "common/app/bridge_settings.h"
#include "common/app/hook_settings.h"
#include "common/app/policy_settings.h"
#include "common/app/rules_settings.h"
#include "common/app/webhook_settings.h"
#include "common/base/ini.h"
#include "common/base/mem.h"
#include "common/base/settings_row.h"
#include "common/bridge/drivers.h"

#define KEY_MAX 64

/* ---- all settings that a section may have ---------------------------------------------------- */

/* A section is read into one of these, to check it. */
struct bridge_all {
    struct bridge_settings bridge;
    struct policy_settings policy;
    struct rules rules;
    struct hook_settings hook;
    const char *webhook_token, *webhook_secret, *webhook_url;
    bool webhook_repair;
};

static const struct setting all_table[] = {
    SETTINGS_OF(bridge_settings_table, struct bridge_all, bridge),
    WEBHOOK_TOKEN_ROW(struct bridge_all, webhook_token),
    WEBHOOK_SECRET_ROW(struct bridge_all, webhook_secret),
    WEBHOOK_URL_ROW(struct bridge_all, webhook_url),
    WEBHOOK_REPAIR_ROW(struct bridge_all, webhook_repair),
    SETTINGS_OF(hook_settings_table, struct bridge_all, hook),
    POLICY_SETTINGS(struct bridge_all, policy),
    SETTINGS_OF(rules_settings_table, struct bridge_all, rules),
    { 0 },
};

#define NAME_SETTING "WHATSAPP_BRIDGE_NAME"

static const struct {
    const char *name, *key;
} short_keys[] = {
    { "WHATSAPP_BRIDGE", "type" },
    { "WHATSAPP_API_URL", "url" },
    { "WHATSAPP_API_KEY", "key" },
    { "WHATSAPP_API_KEY_HEADER", "key_header" },
    { "WHATSAPP_API_BASIC", "basic" },
    { "WHATSAPP_API_CA", "ca" },
    { "WEBHOOK_AUTH_TOKEN", "webhook_token" },
};

static void key_of(const struct setting *row, char ret[KEY_MAX])
{
    size_t i = 0;

    for (size_t k = 0; k < ARRAY_LEN(short_keys); k++) {
        if (strcmp(row->name, short_keys[k].name) == 0) {
            (void)snprintf(ret, KEY_MAX, "%s", short_keys[k].key);
            return;
        }
    }
    for (; row->name[i] && i + 1 < KEY_MAX; i++)
        ret[i] = (char)tolower((unsigned char)row->name[i]);
    ret[i] = '\0';
}

/* The section's header gives the name. */
static bool is_key(const struct setting *row)
{
    return strcmp(row->name, NAME_SETTING) != 0 && strcmp(row->name, BRIDGES_SETTING) != 0;
}

/* @ret_file: the key is KEY_file of a secret. */
static const struct setting *row_of_key(struct str name, bool *ret_file)
{
    static const char file[] = "_file";
    struct settings_rows rows;

    settings_flatten(all_table, &rows);
    for (int i = 0; i < rows.n; i++) {
        const struct setting *row = rows.row[i].row;
        char key[KEY_MAX];
        size_t n;

        key_of(row, key);
        n = strlen(key);
        if (!str_starts(name, key) || !is_key(row))
            continue;
        *ret_file = row->secret && str_eq((struct str){ name.p + n, name.n - n }, file);
        if (name.n == n || *ret_file)
            return row;
    }
    return NULL;
}

static int unknown_key(struct ini *ini, struct str name)
{
    struct settings_rows rows;
    char key[KEY_MAX];

    (void)ini_problem(ini, name.p, "unknown key \"%.*s\"; allowed are ", (int)(name.n < 64 ? name.n : 64),
                      name.p);
    settings_flatten(all_table, &rows);
    for (int i = 0; i < rows.n; i++) {
        if (!is_key(rows.row[i].row))
            continue;
        key_of(rows.row[i].row, key);
        (void)buf_addf(ini->problem, "%s%s%s", i ? ", " : "", key, rows.row[i].row->secret ? "[_file]" : "");
    }
    return -EINVAL;
}

bool bridge_needs_url(const struct bridge_settings *b)
{
    const struct bridge_driver *driver = bridge_driver_find(b->driver);

    return !driver || !driver->webhooks_only;
}

/* ---- the file -------------------------------------------------------------------------------- */

struct parse {
    struct bridge_config *config;
    struct bridge_section *s; /* that is read */
    struct bridge_all all;    /* its values */
};

static void section_free(struct bridge_section *s)
{
    for (int i = 0; s && i < s->n; i++)
        mem_free(s->key[i].value);
    mem_free(s);
}

static bool has_key(const struct bridge_section *s, const char *name)
{
    for (int i = 0; i < s->n; i++) {
        if (strcmp(s->key[i].row->name, name) == 0)
            return true;
    }
    return false;
}

/* Do its values fit together? */
static int check_section(struct parse *p, struct ini *ini)
{
    CLEANUP(buf_fini) struct buf problem = BUF_INIT(SETTINGS_VALUE_MAX * 2);

    ini->line_n = p->s->line;
    if (!has_key(p->s, "WHATSAPP_API_URL") && bridge_needs_url(&p->all.bridge))
        return ini_problem(ini, NULL, "[bridge %s] has no url", p->s->name);
    if (bridge_settings_check(&p->all.bridge, &problem) == 0 &&
        policy_settings_check(&p->all.policy, &problem) == 0 &&
        rules_settings_check(&p->all.rules, &problem) == 0)
        return 0;
    return ini_problem(ini, NULL, "[bridge %s]: %s", p->s->name, buf_str(&problem));
}

static int end_section(struct parse *p, struct ini *ini)
{
    int r = p->s ? check_section(p, ini) : 0;

    if (r == 0 && p->s)
        p->config->at[p->config->n++] = TAKE(p->s);
    return r;
}

static int begin_section(struct parse *p, struct ini *ini, struct str name)
{
    p->s = mem_zalloc(sizeof *p->s);
    if (!p->s)
        return -ENOMEM;
    str_copy(name, p->s->name, sizeof p->s->name);
    p->s->line = ini->line_n;
    if (bridge_config_find(p->config, p->s->name))
        return ini_problem(ini, name.p, "there is a bridge %s already", p->s->name);
    if (p->config->n == BRIDGES_MAX)
        return ini_problem(ini, ini->line, "more than %d bridges", BRIDGES_MAX);
    settings_free(all_table, &p->all);
    return settings_defaults(all_table, &p->all);
}

static int on_section(void *ctx, struct ini *ini, struct str inside)
{
    struct parse *p = ctx;
    struct str name = STR_NULL;
    int line = ini->line_n;
    int r = end_section(p, ini);

    if (r != 0)
        return r;
    ini->line_n = line;
    r = ini_section_name(ini, inside, "bridge", INI_NAME_MAX, &name);
    return r == 0 ? begin_section(p, ini, name) : r;
}

/* The value into the section, once it is known to be right. */
static int take_value(struct parse *p, struct ini *ini, const struct setting *row, const char *value,
                      const char *at)
{
    CLEANUP(buf_fini) struct buf problem = BUF_INIT(SETTINGS_VALUE_MAX * 2);
    struct bridge_key *k = &p->s->key[p->s->n];
    char shown[KEY_MAX];
    int r;

    key_of(row, shown);
    if (has_key(p->s, row->name))
        return ini_problem(ini, at, "%s is given twice", shown);
    if (p->s->n == BRIDGE_KEYS_MAX)
        return ini_problem(ini, at, "more than %d keys", BRIDGE_KEYS_MAX);
    r = settings_set(all_table, row->name, shown, value, &p->all, &problem);
    if (r != 0)
        return r == -EINVAL ? ini_problem(ini, at, "%s", buf_str(&problem)) : r;
    *k = (struct bridge_key){ row, mem_strdup(value) };
    if (!k->value)
        return -ENOMEM;
    p->s->n++;
    return 0;
}

static int on_key(void *ctx, struct ini *ini, struct str name, const char *value, const char *at)
{
    char line[INI_VALUE_MAX];
    bool from_file = false;
    const struct setting *row = row_of_key(name, &from_file);
    int r = 0;

    if (!row)
        return unknown_key(ini, name);
    if (!value)
        return ini_problem(ini, at, "\"=\" and a value are missing");
    if (!*value)
        return ini_problem(ini, at, "%.*s has no value", (int)name.n, name.p);
    if (from_file)
        r = ini_secret_file(ini, at, value, line);
    return r == 0 ? take_value(ctx, ini, row, from_file ? line : value, at) : r;
}

int bridge_config_parse(const char *file, struct str text, struct buf *problem, struct bridge_config *ret)
{
    struct bridge_config config = BRIDGE_CONFIG_NULL;
    struct parse p = { .config = &config };
    struct ini ini = {
        .file = file, .problem = problem, .on_section = on_section, .on_key = on_key, .ctx = &p
    };
    int r = ini_read(&ini, text);

    if (r == 0)
        r = end_section(&p, &ini);
    if (r == 0 && config.n == 0) {
        ini.line_n++;
        r = ini_problem(&ini, NULL, "there is no bridge in it; allowed are [bridge NAME] sections");
    }
    section_free(p.s);
    settings_free(all_table, &p.all);
    if (r == 0)
        *ret = config;
    else
        bridge_config_fini(&config);
    return r;
}

int bridge_config_read(const char *file, struct buf *problem, struct bridge_config *ret)
{
    CLEANUP(buf_fini) struct buf text = BUF_INIT(BRIDGE_CONFIG_BYTES_MAX);
    int r = ini_read_file("ZAPKEEP_BRIDGES", file, &text, problem);

    return r == 0 ? bridge_config_parse(file, (struct str){ buf_str(&text), text.len }, problem, ret) : r;
}

void bridge_config_fini(struct bridge_config *c)
{
    while (c->n > 0)
        section_free(c->at[--c->n]);
}

const struct bridge_section *bridge_config_find(const struct bridge_config *c, const char *name)
{
    for (int i = 0; i < c->n; i++) {
        if (strcmp(c->at[i]->name, name) == 0)
            return c->at[i];
    }
    return NULL;
}

/* ---- a program's settings -------------------------------------------------------------------- */

/* Where a bridge is and how it is known: another bridge's would be wrong. */
static const char *const not_inherited[] = { "WHATSAPP_API_URL",   "WHATSAPP_API_KEY",
                                             "WHATSAPP_BRIDGE",    "WHATSAPP_API_KEY_HEADER",
                                             "WHATSAPP_API_BASIC", "WHATSAPP_API_CA",
                                             "WEBHOOK_SECRET",     "WEBHOOK_URL",
                                             "RECONNECT_HOOK" };

/* -ENOENT: this program has no such setting. */
static int set_key(const struct setting *table, const struct setting *row, const char *value, void *settings,
                   struct buf *problem)
{
    int r = settings_set(table, row->name, row->name, value, settings, problem);

    return r == -ENOENT ? 0 : r;
}

int bridge_section_apply(const struct bridge_section *s, const struct setting *table, void *settings,
                         struct buf *problem)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < ARRAY_LEN(not_inherited); i++) {
        const struct setting *row = settings_find(all_table, not_inherited[i]);

        r = set_key(table, row, row->def ? row->def : "", settings, problem);
    }
    for (int i = 0; r == 0 && i < s->n; i++)
        r = set_key(table, s->key[i].row, s->key[i].value, settings, problem);
    return r == 0 ? set_key(table, settings_find(all_table, NAME_SETTING), s->name, settings, problem) : r;
}

int bridge_section_settings(const struct bridge_section *s, const struct setting *table, const void *defaults,
                            size_t bytes, struct buf *problem, void *ret)
{
    int r = settings_copy(table, defaults, bytes, ret);

    if (r != 0)
        return r;
    r = bridge_section_apply(s, table, ret, problem);
    if (r != 0)
        settings_free(table, ret);
    return r;
}
