/* Shared by the parts of the simulation. */
#include "tests/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/err.h"
#include "common/store/postgres/steady.h"
#include "common/store/store.h"
#include "tests/sim/io/disk_sim.h"
#include "tests/sim/io/postgres_sim.h"

struct sim sim;

static int64_t read_wall(struct clock *c)
{
    return world_wall();
}

static int64_t read_boot(struct clock *c)
{
    return world_boot();
}

void sim_clock(struct clock *ret)
{
    *ret = (struct clock){ .wall_ms = read_wall, .boot_ms = read_boot };
    (void)snprintf(ret->boot_id, sizeof ret->boot_id, "%s", world_boot_id());
}

struct now sim_steady(void)
{
    struct clock clock;
    struct now now = { 0 };

    sim_clock(&clock);
    pg_steady_by_caller(
        false); /* as a program that has just started: it corrects nobody, and waits for nobody */
    sim_must(steady_now(sim.db, &clock, &now), "steady_now");
    return now;
}

void sim_must(int r, const char *what)
{
    if (r != 0)
        world_fail("%s: %s (%s)", what, err_text(r), sim.db ? db_error(sim.db) : "");
}

int64_t sim_store_commits(void)
{
    return sim.store ? postgres_sim_commits() : disk_sim_commits("/state.db");
}

/* A reader of a database waits for nobody. */
bool sim_store_is_free(void)
{
    return sim.store || disk_sim_is_free("/state.db");
}

bool sim_store_may_write(void)
{
    return sim.store ? postgres_sim_may_write() : disk_sim_may_write("/state.db");
}

bool sim_store_is_well(void)
{
    return sim.store ? postgres_sim_is_well() : disk_sim_is_well();
}

void sim_store_heal(void)
{
    disk_sim_heal();
    postgres_sim_heal();
}

int sim_find(const char *id)
{
    return (int)strtol(id + 1, NULL, 10);
}

const char *sim_where(void)
{
    return sim.store ? sim.store : sim.dir;
}

int sim_open(const struct sim_options *o)
{
    sim.options = *o;
    sim.policy = policy_default;
    world_seed(o->seed);
    disk_sim_open();
    (void)mkdir(sim.dir, 0750);
    if (sim.store)
        postgres_sim_begin();
    return db_open_state(sim_where(), &sim.db);
}
