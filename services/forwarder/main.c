#include "services/forwarder/forwarder.h"

int main(int argc, char *argv[])
{
    struct forwarder *f = NULL;
    int r = forwarder_open(APP_START(argc, argv), &f);

    if (r == 0)
        r = forwarder_run(f);
    return forwarder_close(f, r);
}
