/*
 * A subscriber that counts: zk-bench-notification-count URL. Prints the number of event messages when it is ended.
 */
#include <inttypes.h>
#include <stdio.h>

#include "common/io/bus.h"

static int64_t notifications;

static void on_message(void *ctx, struct str message)
{
    notifications++;
}

static void on_stop(void *ctx, int signum)
{
    loop_stop(ctx);
}

int main(int argc, char *argv[])
{
    static const char *const prefixes[] = { "message." };
    struct bus_sub *sub = NULL;
    struct loop *loop = NULL;
    int r = argc < 2 ? -1 : loop_open(&loop);

    if (r == 0)
        r = loop_on_stop_signal(loop, on_stop, loop);
    if (r == 0)
        r = bus_sub_open(loop, argv[1], prefixes, 1, on_message, NULL, NULL, &sub);
    if (r == 0)
        r = loop_run(loop);
    bus_sub_close(sub);
    (void)loop_close(loop);
    printf("%" PRId64 "\n", notifications);
    return r == 0 ? 0 : 1;
}
