#include "common/app/forward_config.h"

#include <errno.h>
#include <string.h>

#include "common/base/mem.h"

int config_add_backend(struct config *c, const struct forward_settings *s, struct buf *problem)
{
    struct destination_config *d;
    int r = destination_config_backend(s, problem, &d);

    if (r == 0)
        c->at[c->n++] = d;
    return r;
}

/* ---- the file -------------------------------------------------------------------------------- */

struct parse {
    struct config *config;
    const struct forward_settings *defaults;
    struct destination_config *d; /* of the section that is read */
};

static int end_section(struct parse *p, struct ini *ini)
{
    struct destination_config *d = p->d;
    int r;

    if (!d)
        return 0;
    if (!d->url) {
        ini->line_n = d->line;
        return ini_problem(ini, NULL, "[destination %s] has no url", d->name);
    }
    r = destination_config_settle(d, ini->problem);
    if (r != 0)
        return r;
    p->config->at[p->config->n++] = TAKE(p->d);
    return 0;
}

static bool is_taken(const struct parse *p, const char *name)
{
    for (int i = 0; i < p->config->n; i++) {
        if (strcmp(p->config->at[i]->name, name) == 0)
            return true;
    }
    return false;
}

static int on_section(void *ctx, struct ini *ini, struct str inside)
{
    struct parse *p = ctx;
    char name[FORWARD_NAME_MAX];
    struct str at = STR_NULL;
    int r = end_section(p, ini);

    if (r == 0)
        r = ini_section_name(ini, inside, "destination", INI_NAME_MAX, &at);
    if (r != 0)
        return r;
    str_copy(at, name, sizeof name);
    if (is_taken(p, name))
        return ini_problem(ini, at.p, "there is a destination %s already%s", name,
                           strcmp(name, BACKEND_NAME) == 0 ? " (BACKEND_URL makes it)" : "");
    if (p->config->n == DESTINATIONS_MAX)
        return ini_problem(ini, ini->line, "more than %d destinations", DESTINATIONS_MAX);
    r = destination_config_new(name, p->defaults, ini->problem, &p->d);
    if (r == 0)
        p->d->line = ini->line_n;
    return r;
}

static int on_key(void *ctx, struct ini *ini, struct str name, const char *value, const char *at)
{
    struct parse *p = ctx;

    return destination_config_key(p->d, ini, name, value, at);
}

int config_parse(struct config *c, const struct forward_settings *defaults, const char *file, struct str text,
                 struct buf *problem)
{
    struct parse p = { .config = c, .defaults = defaults };
    struct ini ini = {
        .file = file, .problem = problem, .on_section = on_section, .on_key = on_key, .ctx = &p
    };
    int before = c->n;
    int r = ini_read(&ini, text);

    if (r == 0)
        r = end_section(&p, &ini);
    if (r == 0 && c->n == before) {
        ini.line_n++;
        r = ini_problem(&ini, NULL, "there is no destination in it; allowed are [destination NAME] sections");
    }
    destination_config_free(p.d);
    return r;
}

int config_read(struct config *c, const struct forward_settings *defaults, const char *file,
                struct buf *problem)
{
    CLEANUP(buf_fini) struct buf text = BUF_INIT(CONFIG_BYTES_MAX);
    int r = ini_read_file("FORWARD_CONFIG", file, &text, problem);

    return r == 0 ? config_parse(c, defaults, file, (struct str){ buf_str(&text), text.len }, problem) : r;
}

void config_fini(struct config *c)
{
    while (c->n > 0)
        destination_config_free(c->at[--c->n]);
}
