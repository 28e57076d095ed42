#include "services/monitor/monitor.h"

int main(int argc, char *argv[])
{
    struct monitor m = MONITOR_NULL;
    int r = monitor_open(&m, APP_START(argc, argv));

    if (r == 0)
        r = app_run(m.app);
    monitor_close(&m);
    return app_close(m.app, r);
}
