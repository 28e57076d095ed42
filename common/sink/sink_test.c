#include "common/sink/sink_test.h"

#include <errno.h>

#include "common/base/mem.h"
#include "common/sink/sink_kind.h"

struct test {
    struct loop *loop;
    const struct sink_config *config;
    struct sink_sender *sender;
    struct timer *end;
    struct sink_result result;
    void (*done)(void *ctx, const struct sink_config *config, const struct sink_result *r);
    void *ctx;
};

static void test_free(struct test *t)
{
    sink_sender_close(t->sender);
    if (t->end)
        timer_close(t->end);
    mem_free(t);
}

/* Not from the sender's own callback: it is closed here. */
static void on_end(void *ctx)
{
    struct test *t = ctx;

    t->done(t->ctx, t->config, &t->result);
    test_free(t);
}

static void on_result(void *ctx, const struct sink_result *r)
{
    struct test *t = ctx;

    t->result = *r;
    timer_start(t->end, 0);
}

static int start(struct test *t, struct clock *clock, const char *console_url)
{
    CLEANUP(sink_message_fini) struct sink_message m;
    int64_t now = clock->wall_ms(clock);
    const struct sink_alert a = { .id = 1,
                                  .kind = ALERT_NONE,
                                  .firing = true,
                                  .bridge = "",
                                  .session = "",
                                  .text = "",
                                  .started_at = now };
    int r;

    sink_message_init(&m);
    r = sink_message_write(t->config, console_url, &a, 1, now, &m);
    if (r == 0)
        r = timer_open(t->loop, on_end, t, &t->end);
    if (r == 0)
        r = sink_sender_open(t->loop, t->config, &t->sender);
    return r == 0 ? sink_send(t->sender, &m, on_result, t) : r;
}

int sink_test(struct loop *l, struct clock *clock, const struct sink_config *config, const char *console_url,
              void (*done)(void *ctx, const struct sink_config *config, const struct sink_result *r),
              void *ctx)
{
    struct test *t = mem_zalloc(sizeof *t);
    int r;

    if (!t)
        return -ENOMEM;
    *t = (struct test){ .loop = l, .config = config, .done = done, .ctx = ctx };
    r = start(t, clock, console_url);
    if (r != 0)
        test_free(t);
    return r;
}
