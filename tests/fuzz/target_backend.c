/*
 * A backend's answer, from the socket to the next try: any bytes are one answer or one failure, within the limits
 * of the call; the wait that it asks for is bounded, and a text of it is safe to show.
 */
#include <string.h>

#include "common/base/clean.h"
#include "common/base/mem.h"
#include "common/io/http_client.h"
#include "common/policy/delivery.h"
#include "tests/fuzz/answerer.h"
#include "tests/fuzz/input.h"

#define ANSWER_MAX 4096

static struct answerer world;
static struct http_client *client;

struct seen {
    bool done;
    int times;
};

static void check_wait(const struct http_answer *a)
{
    struct pace p = { 0 };
    int64_t ms = a->retry_after_s < 0 ? -1 : a->retry_after_s * 1000;

    MUST(a->retry_after_s >= -1 && a->retry_after_s <= HTTP_RETRY_AFTER_MAX_S);
    (void)delivery_classify(a->status ? DELIVERY_ANSWERED : DELIVERY_BROKEN, a->status, ms);
    pace_limited(&p, 1000, ms);
    MUST(p.paused_until_ms >= 0 && p.paused_until_ms <= 1000 + PACE_PAUSE_MAX_MS);
}

static void on_answer(void *ctx, const struct http_answer *a)
{
    struct buf shown = BUF_INIT((size_t)4 * ANSWER_MAX);
    struct seen *s = ctx;

    s->done = true;
    s->times++;
    MUST(a->error != HTTP_OK || (a->status >= 100 && a->status < 1000));
    MUST(a->error == HTTP_OK || a->error == HTTP_E_TOO_BIG || a->detail[0]);
    MUST(a->body.n <= ANSWER_MAX && memchr(a->detail, '\0', sizeof a->detail));
    check_wait(a);
    MUST(clean_add(&shown, a->body) == 0 && shown.len <= a->body.n);
    buf_fini(&shown);
}

static void close_world(void)
{
    http_client_close(client);
    answerer_close(&world);
    MUST(mem_live() == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const struct http_request req = { .method = "POST",
                                      .url = "http://backend/hook",
                                      .body = STR_LIT("{}"),
                                      .timeout_ms = 2000,
                                      .answer_bytes_max = ANSWER_MAX,
                                      .unix_socket = world.path };
    struct seen seen = { 0 };

    if (!client) {
        answerer_open(&world);
        MUST(http_client_open(world.loop, 2, &client) == 0);
        (void)atexit(close_world);
    }
    MUST(http_call(client, &req, on_answer, &seen, NULL) == 0);
    answerer_run(&world, (struct str){ (const char *)data, n }, &seen.done);
    MUST(seen.times == 1);
    return 0;
}
