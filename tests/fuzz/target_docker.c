/*
 * The Docker Engine's answer to a restart (RECONNECT_HOOK=docker:…): any bytes end in one result. Only 204 is a
 * restart; every other answer has a message that is whole text.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/utf8.h"
#include "services/reconnect-worker/hook.h"
#include "tests/fuzz/answerer.h"
#include "tests/fuzz/input.h"

static struct answerer world;
static struct http_client *client;
static struct hook hook;

struct seen {
    bool done, restarted;
    int times;
};

static void on_result(void *ctx, const struct hook_result *r)
{
    struct seen *s = ctx;

    s->done = true;
    s->times++;
    s->restarted = r->restarted;
    MUST(r->message[0] && memchr(r->message, '\0', sizeof r->message));
    MUST(utf8_is_valid(r->message, strlen(r->message)));
    MUST(r->sent_ms >= -1);
}

static void close_world(void)
{
    http_client_close(client);
    answerer_close(&world);
    MUST(mem_live() == 0);
}

static void open_world(void)
{
    struct buf problem = BUF_INIT(1024);
    char host[64];
    struct hook_settings s = { .hook = "docker:zapw", .docker_host = host };

    answerer_open(&world);
    (void)snprintf(host, sizeof host, "unix://%s", world.path);
    MUST(hook_parse(&s, &problem, &hook) == 0);
    MUST(http_client_open(world.loop, 2, &client) == 0);
    buf_fini(&problem);
    (void)atexit(close_world);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str bytes = { (const char *)data, n };
    struct hook_run *run;
    struct seen seen = { 0 };

    if (!client)
        open_world();
    MUST(hook_run(&hook, world.loop, client, "main", on_result, &seen, &run) == 0);
    answerer_run(&world, bytes, &seen.done);
    MUST(seen.times == 1);
    MUST(!seen.restarted || input_has(bytes, "204"));
    return 0;
}
