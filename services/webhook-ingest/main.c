#include "services/webhook-ingest/ingest.h"

int main(int argc, char *argv[])
{
    struct ingest in = INGEST_NULL;
    int r = ingest_open(&in, APP_START(argc, argv));

    if (r == 0)
        r = app_run(in.app);
    ingest_close(&in);
    return app_close(in.app, r);
}
