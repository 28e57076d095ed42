/*
 * ZAPKEEP_BRIDGES and ALERT_CONFIG: any file is taken whole or refused with its place, and nothing is left in memory.
 */
#include "common/app/bridge_config.h"
#include "common/base/mem.h"
#include "common/sink/sink_config.h"
#include "tests/fuzz/input.h"

#define PROBLEM_MAX 8192

static void check_problem(int r, struct buf *problem, const char *file)
{
    MUST(r == 0 || r == -22 || r == -12);
    MUST(r != -22 || str_starts((struct str){ buf_str(problem), problem->len }, file));
    buf_fini(problem);
}

static void read_bridges(struct str text)
{
    struct buf problem = BUF_INIT(PROBLEM_MAX);
    struct bridge_config c = BRIDGE_CONFIG_NULL;
    int r = bridge_config_parse("bridges.conf", text, &problem, &c);

    for (int i = 0; r == 0 && i < c.n; i++)
        MUST(c.at[i]->name[0] && c.at[i]->n >= 0 && c.at[i]->n <= BRIDGE_KEYS_MAX);
    MUST(r != 0 || c.n <= BRIDGES_MAX);
    bridge_config_fini(&c);
    check_problem(r, &problem, "bridges.conf");
}

static void read_sinks(struct str text)
{
    struct buf problem = BUF_INIT(PROBLEM_MAX);
    struct sink_configs c = { 0 };
    int r = sink_configs_parse(&c, "sinks.conf", text, &problem);

    sink_configs_fini(&c);
    check_problem(r, &problem, "sinks.conf");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    long live = mem_live();
    char *text = input_copy((struct str){ (const char *)data, n });

    read_bridges((struct str){ text, n });
    read_sinks((struct str){ text, n });
    free(text);
    MUST(mem_live() == live);
    return 0;
}
