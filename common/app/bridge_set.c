#include "common/app/bridge_set.h"

#include <errno.h>
#include <string.h>

#include "common/app/bridge_settings.h"
#include "common/base/mem.h"

static const struct bridge_settings *bridge_of(const struct bridge_set_spec *spec, const void *settings)
{
    return (const void *)((const char *)settings + spec->bridge_at);
}

/* One more bridge with settings that were filled. Takes them over, also when they are refused. */
static int add(struct bridge_set *s, void *settings, struct buf *problem)
{
    const char *name = bridge_of(s->spec, settings)->name;
    CLEANUP(buf_fini) struct buf detail = BUF_INIT(SETTINGS_VALUE_MAX * 2);
    int r = bridge_settings_check(bridge_of(s->spec, settings), &detail);

    if (r == 0)
        r = s->spec->check(settings, &detail);

    s->settings[s->n++] = settings;
    if (r == -EINVAL && s->config.n > 0)
        (void)buf_addf(problem, "[bridge %s]: %s", name, buf_str(&detail));
    else if (r == -EINVAL)
        (void)buf_adds(problem, buf_str(&detail));
    return r;
}

static int add_section(struct bridge_set *s, const void *all, int i, struct buf *problem)
{
    void *settings = mem_zalloc(s->spec->bytes);
    int r;

    if (!settings)
        return -ENOMEM;
    r = bridge_section_settings(s->config.at[i], s->spec->table, all, s->spec->bytes, problem, settings);
    if (r == 0)
        return add(s, settings, problem);
    mem_free(settings);
    return r;
}

static int add_only(struct bridge_set *s, const void *all, struct buf *problem)
{
    void *settings = mem_zalloc(s->spec->bytes);
    int r = settings ? settings_copy(s->spec->table, all, s->spec->bytes, settings) : -ENOMEM;

    if (r == 0)
        return add(s, settings, problem);
    mem_free(settings);
    return r;
}

int bridge_set_read(const struct bridge_set_spec *spec, const void *all, struct buf *problem,
                    struct bridge_set *ret)
{
    const char *file = bridge_of(spec, all)->file;
    struct bridge_set *s = mem_zalloc(sizeof *s);
    int r = s ? 0 : -ENOMEM;

    if (r != 0)
        return r;
    s->spec = spec;
    if (*file)
        r = bridge_config_read(file, problem, &s->config);
    else
        r = add_only(s, all, problem);
    for (int i = 0; r == 0 && i < s->config.n; i++)
        r = add_section(s, all, i, problem);
    if (r == 0)
        *ret = *s;
    else
        bridge_set_fini(s);
    mem_free(s);
    return r;
}

void bridge_set_fini(struct bridge_set *s)
{
    while (s->n > 0) {
        if (!s->settings[--s->n])
            continue;
        settings_free(s->spec->table, s->settings[s->n]);
        mem_free(s->settings[s->n]);
    }
    bridge_config_fini(&s->config);
}

void *bridge_set_take(struct bridge_set *s, int i)
{
    void *settings = s->settings[i];

    s->settings[i] = NULL;
    return settings;
}

const struct bridge_settings *bridge_set_bridge(const struct bridge_set *s, int i)
{
    return bridge_of(s->spec, s->settings[i]);
}

int bridge_set_find(const struct bridge_set *s, struct str name)
{
    for (int i = 0; i < s->n; i++) {
        if (str_eq(name, bridge_set_bridge(s, i)->name))
            return i;
    }
    return -1;
}

static bool is_same(const struct bridge_section *a, const struct bridge_section *b)
{
    bool same = a->n == b->n;

    for (int i = 0; same && i < a->n; i++)
        same = a->key[i].row == b->key[i].row && strcmp(a->key[i].value, b->key[i].value) == 0;
    return same;
}

bool bridge_set_keep(struct bridge_set *s, struct bridge_set *next, int i)
{
    int old = bridge_set_find(s, str_from(bridge_set_bridge(next, i)->name));
    void *settings = next->settings[i];

    if (old < 0 || !is_same(s->config.at[old], next->config.at[i]))
        return false;
    next->settings[i] = s->settings[old];
    s->settings[old] = settings;
    return true;
}
