#include "common/domain/alert_kind.h"

#include <string.h>

#include "common/base/mem.h"

struct kind {
    enum alert_scope scope;
    const char *text, *severity, *state, *detail;
};

/* clang-format off */
#define X(name, scope, text, severity, state, detail) { scope, text, severity, state, detail },
static const struct kind kinds[ALERT_KIND_N] = { { ALERT_OF_BRIDGE, "", "", "", "" }, ALERT_KINDS(X) };
#undef X
/* clang-format on */

const char *alert_kind_text(enum alert_kind k)
{
    return kinds[k].text;
}

enum alert_kind alert_kind_find(const char *text)
{
    for (size_t k = ALERT_NONE + 1; k < ARRAY_LEN(kinds); k++) {
        if (strcmp(kinds[k].text, text) == 0)
            return (enum alert_kind)k;
    }
    return ALERT_NONE;
}

const char *alert_severity(enum alert_kind k)
{
    return kinds[k].severity;
}

const char *alert_kind_state(enum alert_kind k)
{
    return kinds[k].state;
}

const char *alert_kind_detail(enum alert_kind k)
{
    return kinds[k].detail;
}

enum alert_scope alert_kind_scope(enum alert_kind k)
{
    return kinds[k].scope;
}

enum alert_raiser alert_kind_raiser(enum alert_kind k)
{
    switch (k) {
    case ALERT_DISK_LIMIT:
    case ALERT_WEBHOOKS_REFUSED:
    case ALERT_WEBHOOKS_UNWATCHED:
        return ALERT_BY_INGEST;
    case ALERT_DESTINATION_FAILING:
        return ALERT_BY_FORWARDER;
    default:
        return ALERT_BY_MONITOR;
    }
}
