#include "tests/sim/sim.h"
int storm_main(int sessions, bool plain)
{
    return 0;
}
int million_main(int sessions)
{
    return 0;
}
