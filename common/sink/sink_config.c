#include "common/sink/sink_config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/app/delivery_request.h"
#include "common/base/err.h"
#include "common/base/ini.h"
#include "common/base/mem.h"
#include "common/base/url.h"
#include "common/sink/sink_kind.h"

/* Below, alerts of one message would come apart again; above, nobody waits. */
#define GROUP_MAX_MS  (10 * 60 * 1000LL)
#define REPEAT_MIN_MS (60 * 1000LL)
#define REPEAT_MAX_MS (7 * 24 * 3600 * 1000LL)

/* ---- the keys of a section ------------------------------------------------------------------- */

struct key;
struct use {
    struct sink_config *c;
    struct ini *ini;
    const struct key *key;
    const char *at; /* of the value, in the line */
};
struct key {
    const char *name;
    int (*set)(const struct use *u, const char *value);
    size_t field; /* offset in struct sink_config of the field that @set sets */
    const char *allowed;
};

static void *field(const struct use *u)
{
    return (char *)u->c + u->key->field;
}

static int not_allowed(const struct use *u, const char *value)
{
    return ini_problem(u->ini, u->at, "\"%s\" is not allowed here; allowed is %s", value, u->key->allowed);
}

static int set_key_type(const struct use *u, const char *value)
{
    int kind = sink_kind_find(value);

    if (kind < 0)
        return not_allowed(u, value);
    u->c->kind = (enum sink_kind)kind;
    u->c->has_kind = true;
    return 0;
}

static int set_key_text(const struct use *u, const char *value)
{
    return mem_replace(field(u), value);
}

static int set_key_file_text(const struct use *u, const char *value)
{
    char line[INI_VALUE_MAX];
    int r = ini_secret_file(u->ini, u->at, value, line);

    return r == 0 ? set_key_text(u, line) : r;
}

static int set_key_readable(const struct use *u, const char *value)
{
    if (access(value, R_OK) != 0)
        return ini_problem(u->ini, u->at, "cannot read %s: %s", value, err_text(-errno));
    return mem_replace(field(u), value);
}

static int set_key_program(const struct use *u, const char *value)
{
    if (value[0] != '/')
        return not_allowed(u, value);
    if (access(value, X_OK) != 0)
        return ini_problem(u->ini, u->at, "cannot run %s: %s", value, err_text(-errno));
    return mem_replace(field(u), value);
}

static int set_key_address(const struct use *u, const char *value)
{
    return strpbrk(value, "<> ,") || !strchr(value, '@') ? not_allowed(u, value)
                                                         : mem_replace(field(u), value);
}

static int check_receiver(const void *ctx, struct str item, const char *at)
{
    const struct use *u = ctx;

    for (size_t i = 0; i < item.n; i++) {
        if (strchr("<> \t", item.p[i]))
            return ini_problem(u->ini, at, "an address is written as ops@example.org, without a name");
    }
    return memchr(item.p, '@', item.n) ? 0 : ini_problem(u->ini, at, "an address has an @");
}

static int check_alert(const void *ctx, struct str item, const char *at)
{
    const struct use *u = ctx;

    for (int k = ALERT_NONE + 1; k < ALERT_KIND_N; k++) {
        if (str_eq(item, alert_kind_text((enum alert_kind)k)))
            return 0;
    }
    (void)ini_problem(u->ini, at, "there is no alert \"%.*s\"; there are", (int)(item.n < 64 ? item.n : 64),
                      item.p);
    for (int k = ALERT_NONE + 1; k < ALERT_KIND_N; k++)
        (void)buf_addf(u->ini->problem, " %s", alert_kind_text((enum alert_kind)k));
    return -EINVAL;
}

static int set_key_receivers(const struct use *u, const char *value)
{
    return event_filter_list_read(field(u), u->ini, u->at, value, SINK_RECEIVERS_MAX, check_receiver, u);
}

static int set_key_names(const struct use *u, const char *value)
{
    return event_filter_list_read(field(u), u->ini, u->at, value, EVENT_FILTER_ITEMS_MAX, NULL, u);
}

static int set_key_alerts(const struct use *u, const char *value)
{
    return event_filter_list_read(field(u), u->ini, u->at, value, EVENT_FILTER_ITEMS_MAX, check_alert, u);
}

static int set_key_severity(const struct use *u, const char *value)
{
    u->c->level = strcmp(value, "critical") == 0 ? ALERT_LEVEL_CRITICAL : ALERT_LEVEL_WARNING;
    return strcmp(value, "critical") == 0 || strcmp(value, "warning") == 0 ? 0 : not_allowed(u, value);
}

/* "22:00-07:00" */
static int set_key_quiet(const struct use *u, const char *value)
{
    int h1, m1, h2, m2, n = 0;

    if (sscanf(value, "%2d:%2d-%2d:%2d%n", &h1, &m1, &h2, &m2, &n) != 4 || value[n] || h1 > 23 || h2 > 23 ||
        m1 > 59 || m2 > 59 || h1 < 0 || m1 < 0 || h2 < 0 || m2 < 0)
        return not_allowed(u, value);
    u->c->quiet_from = h1 * 60 + m1;
    u->c->quiet_to = h2 * 60 + m2;
    return 0;
}

static int set_key_quiet_for(const struct use *u, const char *value)
{
    u->c->quiet_all = strcmp(value, "all") == 0;
    return u->c->quiet_all || strcmp(value, "warning") == 0 ? 0 : not_allowed(u, value);
}

static int set_duration(const struct use *u, const char *value, int64_t min, int64_t max)
{
    int64_t ms;

    if (text_to_duration_ms(value, &ms) != 0 || ms < min || ms > max)
        return not_allowed(u, value);
    *(int64_t *)field(u) = ms;
    return 0;
}

static int set_key_repeat(const struct use *u, const char *value)
{
    return set_duration(u, value, REPEAT_MIN_MS, REPEAT_MAX_MS);
}

static int set_key_group(const struct use *u, const char *value)
{
    return set_duration(u, value, 0, GROUP_MAX_MS);
}

static int set_key_language(const struct use *u, const char *value)
{
    int l = language_find(value);

    if (l < 0)
        return not_allowed(u, value);
    u->c->language = (enum language)l;
    return 0;
}

static int set_key_tls(const struct use *u, const char *value)
{
    u->c->plain = strcmp(value, "none") == 0;
    return u->c->plain || strcmp(value, "required") == 0 ? 0 : not_allowed(u, value);
}

#define AT(field) offsetof(struct sink_config, field)
/* clang-format off */
static const struct key keys[] = {
    { "type", set_key_type, 0, "alertmanager, ntfy, telegram, slack, email, webhook or exec" },
    { "url", set_key_text, AT(url), NULL },
    { "token", set_key_text, AT(token), NULL },
    { "token_file", set_key_file_text, AT(token), NULL },
    { "chat", set_key_text, AT(chat), NULL },
    { "user", set_key_text, AT(user), NULL },
    { "password", set_key_text, AT(password), NULL },
    { "password_file", set_key_file_text, AT(password), NULL },
    { "from", set_key_address, AT(from), "an address, as zapkeep@example.org" },
    { "to", set_key_receivers, AT(to), NULL },
    { "secret", set_key_text, AT(secret), NULL },
    { "secret_file", set_key_file_text, AT(secret), NULL },
    { "url_file", set_key_file_text, AT(url), NULL },
    { "command", set_key_program, AT(command), "the whole path of a program" },
    { "ca", set_key_readable, AT(ca), NULL },
    { "tls", set_key_tls, 0, "required, or none for a mail server on this machine" },
    { "severity", set_key_severity, 0, "warning (everything) or critical" },
    { "bridges", set_key_names, AT(bridges), NULL },
    { "sessions", set_key_names, AT(sessions), NULL },
    { "alerts", set_key_alerts, AT(alerts), NULL },
    { "quiet", set_key_quiet, 0, "a time of the local day, as 22:00-07:00" },
    { "quiet_for", set_key_quiet_for, 0, "warning (critical ones are sent at any time) or all" },
    { "repeat", set_key_repeat, AT(repeat_ms), "1m to 7d" },
    { "group", set_key_group, AT(group_ms), "0s to 10m" },
    { "language", set_key_language, 0, LANGUAGES },
};
/* clang-format on */
_Static_assert(ARRAY_LEN(keys) <= 32, "a bit of given for each key");

static int unknown_key(struct ini *ini, struct str name)
{
    (void)ini_problem(ini, name.p, "unknown key \"%.*s\"; allowed are", (int)(name.n < 64 ? name.n : 64),
                      name.p);
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        (void)buf_addf(ini->problem, "%s %s", i ? "," : "", keys[i].name);
    return -EINVAL;
}

/* ---- sections -------------------------------------------------------------------------------- */

static void config_free(struct sink_config *c)
{
    if (!c)
        return;
    mem_free(c->url);
    mem_free(c->token);
    mem_free(c->chat);
    mem_free(c->user);
    mem_free(c->password);
    mem_free(c->from);
    mem_free(c->secret);
    mem_free(c->command);
    mem_free(c->ca);
    mem_free(c->to.text);
    mem_free(c->bridges.text);
    mem_free(c->sessions.text);
    mem_free(c->alerts.text);
    mem_free(c);
}

struct parse {
    struct sink_configs *configs;
    struct sink_config *c; /* of the section that is read */
};

static int on_key(void *ctx, struct ini *ini, struct str name, const char *value, const char *at)
{
    struct parse *p = ctx;

    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        struct use u = { p->c, ini, &keys[i], at };

        if (!str_eq(name, keys[i].name))
            continue;
        if (p->c->given & 1U << i)
            return ini_problem(ini, name.p, "%s is given twice", keys[i].name);
        if (!value)
            return ini_problem(ini, at, "\"=\" and a value are missing");
        p->c->given |= 1U << i;
        return keys[i].set(&u, value);
    }
    return unknown_key(ini, name);
}

static int check_url(struct ini *ini, const struct sink_config *c)
{
    struct url url;

    if (!c->url)
        return 0;
    if (c->kind == SINK_EMAIL)
        return strncmp(c->url, "smtp://", 7) == 0 || strncmp(c->url, "smtps://", 8) == 0
                   ? 0
                   : ini_problem(ini, NULL, "[sink %s]: url is smtp://host:587 or smtps://host", c->name);
    return url_parse(c->url, &url) == 0 ? 0
                                        : ini_problem(ini, NULL, "[sink %s]: url is no http(s) URL", c->name);
}

static int check_secrets(struct ini *ini, struct sink_config *c)
{
    CLEANUP(buf_fini) struct buf problem = BUF_INIT(1024);

    if (!c->secret || delivery_secrets(c->secret, &c->secrets, &problem) == 0)
        return 0;
    return ini_problem(ini, NULL, "[sink %s]: secret %s", c->name, buf_str(&problem));
}

/* The section is complete: everything that its kind needs is there. */
static int end_section(struct parse *p, struct ini *ini)
{
    struct sink_config *c = p->c;
    int r;

    if (!c)
        return 0;
    ini->line_n = c->line;
    if (!c->has_kind)
        return ini_problem(ini, NULL, "[sink %s] has no type", c->name);
    if (sink_missing_key(c))
        return ini_problem(ini, NULL, "[sink %s] has no %s, which type = %s needs", c->name,
                           sink_missing_key(c), sink_kind_text(c->kind));
    r = check_url(ini, c);
    if (r == 0)
        r = check_secrets(ini, c);
    if (r == 0)
        p->configs->at[p->configs->n++] = TAKE(p->c);
    return r;
}

static int new_config(const char *name, struct sink_config **ret)
{
    struct sink_config *c = mem_zalloc(sizeof *c);

    if (!c)
        return -ENOMEM;
    (void)snprintf(c->name, sizeof c->name, "%s", name);
    *ret = c;
    return 0;
}

static int on_section(void *ctx, struct ini *ini, struct str inside)
{
    struct parse *p = ctx;
    char name[SINK_NAME_MAX];
    int line = ini->line_n;
    struct str at = STR_NULL;
    int r = end_section(p, ini);

    ini->line_n = r == 0 ? line : ini->line_n;
    if (r == 0)
        r = ini_section_name(ini, inside, "sink", SINK_NAME_MAX - 1, &at);
    if (r != 0)
        return r;
    str_copy(at, name, sizeof name);
    if (sink_configs_find(p->configs, name))
        return ini_problem(ini, at.p, "there is a sink %s already", name);
    if (p->configs->n == SINKS_MAX)
        return ini_problem(ini, ini->line, "more than %d sinks", SINKS_MAX);
    r = new_config(name, &p->c);
    if (r == 0)
        p->c->line = line;
    return r;
}

int sink_configs_parse(struct sink_configs *c, const char *file, struct str text, struct buf *problem)
{
    struct parse p = { .configs = c };
    struct ini ini = {
        .file = file, .problem = problem, .on_section = on_section, .on_key = on_key, .ctx = &p
    };
    int before = c->n;
    int r = ini_read(&ini, text);

    if (r == 0)
        r = end_section(&p, &ini);
    if (r == 0 && c->n == before)
        r = ini_problem(&ini, NULL, "there is no sink in it; allowed are [sink NAME] sections");
    config_free(p.c);
    return r;
}

/* ---- all ------------------------------------------------------------------------------------- */

static int add_url(struct sink_configs *c, enum sink_kind kind, const char *url)
{
    struct sink_config *one = NULL;
    int r;

    if (!url[0])
        return 0;
    r = new_config(sink_kind_text(kind), &one);
    if (r != 0)
        return r;
    one->kind = kind;
    r = mem_replace(&one->url, url);
    if (r != 0)
        config_free(one);
    else
        c->at[c->n++] = one;
    return r;
}

int sink_configs_load(struct sink_configs *c, const struct sink_settings *s, struct buf *problem)
{
    CLEANUP(buf_fini) struct buf text = BUF_INIT(SINK_CONFIG_BYTES_MAX);
    int r = add_url(c, SINK_ALERTMANAGER, s->alert_url);

    if (r == 0)
        r = add_url(c, SINK_NTFY, s->ntfy_url);
    if (r != 0 || !s->config[0])
        return r;
    r = ini_read_file("ALERT_CONFIG", s->config, &text, problem);
    return r == 0 ? sink_configs_parse(c, s->config, (struct str){ buf_str(&text), text.len }, problem) : r;
}

void sink_configs_fini(struct sink_configs *c)
{
    while (c->n > 0)
        config_free(c->at[--c->n]);
}

const struct sink_config *sink_configs_find(const struct sink_configs *c, const char *name)
{
    for (int i = 0; i < c->n; i++) {
        if (strcmp(c->at[i]->name, name) == 0)
            return c->at[i];
    }
    return NULL;
}
