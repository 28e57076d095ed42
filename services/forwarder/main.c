#include "services/forwarder/forwarder.h"

int main(int argc, char *argv[])
{
    struct forwarder f = FORWARDER_NULL;
    int r = forwarder_open(&f, APP_START(argc, argv));

    if (r == 0)
        r = app_run(f.app);
    forwarder_close(&f);
    return app_close(f.app, r);
}
