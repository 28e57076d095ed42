#include "common/app/event_filter.h"

#include <string.h>

#include "common/base/json_in.h"
#include "common/base/mem.h"

#define PROBE_TYPE "zapkeep.probe"

/* The event that `zapkeep doctor` sends through the chain: of no interest to a backend. */
static bool is_probe(const struct event *e)
{
    static const struct json_path path = { 0, { "eventType" } };
    struct json_value value;

    return str_eq(e->type, "event.other") &&
           memmem(e->body.p, e->body.n, PROBE_TYPE, sizeof PROBE_TYPE - 1) != NULL &&
           json_in_find(e->body, &path, 1, &value) == 0 && json_in_is(value, PROBE_TYPE);
}

static bool is_same(struct str a, struct str b)
{
    return a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
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
    return is_listed(&f->types, e->type, has_prefix) && is_listed(&f->sessions, e->session, is_same) &&
           (!f->bridge || !f->bridge[0] || str_eq(e->bridge, f->bridge)) && !is_probe(e);
}

void event_filter_fini(struct destination_filter *f)
{
    mem_free(f->types.text);
    mem_free(f->sessions.text);
}
