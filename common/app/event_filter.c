#include "common/app/event_filter.h"

#include <string.h>

#include "common/base/json_in.h"
#include "common/base/mem.h"
#include "common/domain/event_type.h"

/* The event that `zapkeep doctor` sends through the chain: of no interest to a backend. */
static bool is_probe(const struct event *e)
{
    static const struct json_path path = { 0, { "eventType" } };
    struct json_value value;

    return str_eq(e->type, "event.other") &&
           memmem(e->body.p, e->body.n, PROBE_EVENT_TYPE, sizeof PROBE_EVENT_TYPE - 1) != NULL &&
           json_in_find(e->body, &path, 1, &value) == 0 && json_in_is(value, PROBE_EVENT_TYPE);
}

static bool has_prefix(struct str s, struct str prefix)
{
    return s.n >= prefix.n && memcmp(s.p, prefix.p, prefix.n) == 0;
}

static bool is_listed(const struct event_filter_list *list, struct str s,
                      bool (*match)(struct str s, struct str item))
{
    for (int i = 0; i < list->n; i++) {
        if (match(s, list->item[i]))
            return true;
    }
    return list->n == 0;
}

bool event_filter_wants(const struct destination_filter *f, const struct event *e)
{
    return is_listed(&f->types, e->type, has_prefix) && is_listed(&f->sessions, e->session, str_same) &&
           (!f->bridge || !f->bridge[0] || str_eq(e->bridge, f->bridge)) && !is_probe(e);
}

void event_filter_fini(struct destination_filter *f)
{
    mem_free(f->types.text);
    mem_free(f->sessions.text);
}

int event_filter_list_read(struct event_filter_list *list, struct ini *ini, const char *at, const char *value,
                           int max, int (*check)(const void *ctx, struct str item, const char *item_at),
                           const void *ctx)
{
    int r = mem_replace(&list->text, value);
    struct str rest = str_from(list->text);

    list->n = 0;
    while (r == 0 && rest.p) {
        const char *comma = memchr(rest.p, ',', rest.n);
        struct str item = ini_trim((struct str){ rest.p, comma ? (size_t)(comma - rest.p) : rest.n });
        const char *item_at = at + (item.p - list->text);

        if (item.n == 0)
            return ini_problem(ini, item_at, "nothing between two commas");
        if (list->n == max)
            return ini_problem(ini, item_at, "more than %d in a list", max);
        r = check ? check(ctx, item, item_at) : 0;
        list->item[list->n++] = item;
        rest = comma ? (struct str){ comma + 1, rest.n - (size_t)(comma + 1 - rest.p) } : STR_NULL;
    }
    return r;
}
