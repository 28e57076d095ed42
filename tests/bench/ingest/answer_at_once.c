/*
 * The yardstick of webhook-ingest: the same HTTP server, the same limits, the same answer, given at
 * once. With a token it first does the work of webhook-ingest before the commit: looks at the path, the
 * method and the token, and reads the JSON.
 *
 *   zk-bench-answer-at-once PORT [TOKEN]
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/bridge/driver.h"
#include "common/bridge/drivers.h"
#include "common/io/http_server.h"
#include "common/io/loop.h"
#include "services/webhook-ingest/check.h"

static struct tokens tokens;
static bool reads;

static struct str header(void *ctx, const char *name)
{
    return http_req_header(ctx, name);
}

static bool is_allowed(struct http_req *r)
{
    const struct check_input input = { .method = http_req_method(r),
                                       .path = http_req_path(r),
                                       .query = http_req_query(r),
                                       .headers = { .header = header, .ctx = r },
                                       .tokens = &tokens,
                                       .default_bridge = STR_LIT("main") };

    return check_request(&input).status == 0;
}

static bool is_webhook(struct http_req *r)
{
    const struct webhook_request hook = { .body = http_req_body(r), .header = header, .ctx = r };
    struct webhook webhook;

    return bridge_read_webhook(bridge_driver_at(0), &hook, STR_LIT("main"), &webhook) == 0;
}

static enum http_begin on_begin(void *ctx, struct http_req *r)
{
    if (!reads || is_allowed(r))
        return HTTP_BEGIN_READ;
    http_respond_error(r, 401, "refused", "not allowed", NULL);
    return HTTP_BEGIN_ANSWERED;
}

static void on_request(void *ctx, struct http_req *r)
{
    static long seq;
    char body[80];
    int n = snprintf(body, sizeof body, "{\"status\":\"accepted\",\"seq\":%ld}\n", ++seq);

    if (reads && !is_webhook(r))
        http_respond_error(r, 400, "not_a_webhook", "not a webhook", NULL);
    else
        http_respond(r, 200, "application/json", (struct str){ body, (size_t)n }, NULL);
}

static void on_stop(void *ctx, int signum)
{
    loop_stop(ctx);
}

int main(int argc, char *argv[])
{
    static const struct http_handlers handlers = { .on_begin = on_begin, .on_request = on_request };
    struct http_server *server = NULL;
    struct loop *loop = NULL;
    int r = argc < 2 ? -1 : loop_open(&loop);

    reads = argc > 2;
    if (r == 0 && reads)
        r = tokens_parse(argv[2], &tokens);
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
