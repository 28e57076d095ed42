/*
 * FORWARD_CONFIG: any file is taken whole or refused with the place and the values allowed there, and
 * nothing is left in memory.
 */
#include <string.h>

#include "common/app/forward_config.h"
#include "common/base/mem.h"
#include "tests/fuzz/input.h"

#define PROBLEM_MAX 4096

static const struct forward_settings defaults = { .url = "",
                                                  .token = "",
                                                  .secret = "",
                                                  .body = "raw",
                                                  .schedule = DELIVERY_SCHEDULE,
                                                  .ca = "",
                                                  .concurrency = 8,
                                                  .timeout_ms = 15000,
                                                  .batch = 1,
                                                  .from = "now" };

static void check_destination(const struct destination_config *d)
{
    const struct event e = {
        .seq = 1, .type = STR_LIT("message.received"), .bridge = STR_LIT("main"), .session = STR_LIT("s1")
    };

    MUST(d->name[0] && d->url && d->url[0]);
    MUST(d->concurrency >= 1 && d->concurrency <= FORWARD_CONCURRENCY_MAX);
    MUST(d->batch >= 1 && d->batch <= FORWARD_BATCH_MAX);
    MUST(d->timeout_ms >= 50 && d->timeout_ms <= 600000);
    (void)event_filter_wants(&d->filter, &e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    long live = mem_live();
    char *text = input_copy((struct str){ (const char *)data, n });
    struct buf problem = BUF_INIT(PROBLEM_MAX);
    struct config c = CONFIG_NULL;
    int r = config_parse(&c, &defaults, "forward.conf", (struct str){ text, n }, &problem);

    MUST(r == 0 || r == -22 || r == -12);
    MUST(r != -22 || str_starts((struct str){ buf_str(&problem), problem.len }, "forward.conf:"));
    for (int i = 0; r == 0 && i < c.n; i++)
        check_destination(c.at[i]);
    config_fini(&c);
    buf_fini(&problem);
    free(text);
    MUST(mem_live() == live);
    return 0;
}
