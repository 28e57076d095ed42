#include "services/bus-hub/hub.h"

int main(int argc, char *argv[])
{
    struct hub hub = HUB_NULL;
    int r = hub_open(&hub, APP_START(argc, argv));

    if (r == 0)
        r = app_run(hub.app);
    hub_close(&hub);
    return app_close(hub.app, r);
}
