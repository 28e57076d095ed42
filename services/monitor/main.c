#include "services/monitor/monitor.h"

int main(int argc, char *argv[])
{
    struct monitor *m = NULL;
    int r = monitor_open(APP_START(argc, argv), &m);

    if (r == 0)
        r = app_run(monitor_app(m));
    return monitor_close(m, r);
}
