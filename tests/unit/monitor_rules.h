/* The monitor's rules with every setting at its default. */
#pragma once

#include <assert.h>

#include "common/base/mem.h"
#include "services/monitor/settings.h"

static inline const struct rules *default_rules(void)
{
    static struct monitor_settings s;
    static bool done;

    if (!done) {
        CLEANUP(buf_fini) struct buf problem = BUF_INIT(4096);
        int r = settings_read(monitor_settings_table, 0, NULL, &problem, &s, NULL);

        assert(r == 0);
        (void)r;
        settings_free(monitor_settings_table, &s);
        done = true;
    }
    return &s.rules;
}
