/*
 * What webhook-ingest is measured against: the same HTTP server, the same limits, the same answer, given at
 * once.
 *
 *   zk-bench-answer-at-once PORT
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/io/http_server.h"
#include "common/io/loop.h"

static void on_request(void *ctx, struct http_req *r)
{
    static long seq;
    char body[80];
    int n = snprintf(body, sizeof body, "{\"status\":\"accepted\",\"seq\":%ld}\n", ++seq);

    http_respond(r, 200, "application/json", (struct str){ body, (size_t)n }, NULL);
}

static void on_stop(void *ctx, int signum)
{
    loop_stop(ctx);
}

int main(int argc, char *argv[])
{
    static const struct http_handlers handlers = { .on_request = on_request };
    struct http_server *server = NULL;
    struct loop *loop = NULL;
    int r = argc < 2 ? -1 : loop_open(&loop);

    if (r == 0)
        r = loop_on_stop_signal(loop, on_stop, loop);
    if (r == 0)
        r = http_server_open(loop, "127.0.0.1", (uint16_t)atoi(argv[1]), -1, &http_limits_default, &handlers,
                             NULL, &server);
    if (r == 0)
        r = loop_run(loop);
    http_server_close(server);
    (void)loop_close(loop);
    return r == 0 ? 0 : 1;
}
