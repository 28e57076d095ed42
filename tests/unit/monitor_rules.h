/* The monitor's rules with every setting at its default. */
#pragma once

#include <assert.h>

#include "common/base/mem.h"
#include "services/monitor/settings.h"

static inline const struct rules *default_rules(void)
{
    static const struct setting *const tables[] = { monitor_settings_table, NULL };
    static struct monitor_settings s;
    static bool done;

    if (!done) {
        CLEANUP(buf_fini) struct buf problem = BUF_INIT(4096);
        int r = settings_read(tables, 0, NULL, &problem, &s, NULL);

        assert(r == 0);
        (void)r;
        settings_free(tables, &s);
        done = true;
    }
    return &s.rules;
}
