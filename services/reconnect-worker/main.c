#include "services/reconnect-worker/startup.h"

int main(int argc, char *argv[])
{
    struct worker w = WORKER_NULL;
    int r = worker_open(&w, APP_START(argc, argv));

    if (r == 0)
        r = app_run(w.app);
    worker_close(&w);
    return app_close(w.app, r);
}
