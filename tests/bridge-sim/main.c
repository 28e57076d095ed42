#include "tests/bridge-sim/sim.h"

int main(int argc, char *argv[])
{
    struct sim sim = SIM_NULL;
    int r = sim_open(&sim, argc, argv);

    if (r == 0)
        r = app_run(sim.app);
    sim_close(&sim);
    return app_close(sim.app, r);
}
