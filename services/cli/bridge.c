/*
 * A call: cli_bridge_call() starts it and runs the loop; on_answer keeps the answer and stops the loop.
 */
#include "services/cli/bridge.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/app/bridge_settings.h"
#include "common/base/clean.h"
#include "common/base/json_in.h"
#include "common/base/mem.h"
#include "common/base/url.h"
#include "common/bridge/drivers.h"

struct awaited_call {
    struct cli_bridge *bridge;
    struct cli_reply *reply;
    int result;
};

/* -- one call -- */

void cli_reply_fini(struct cli_reply *r)
{
    buf_fini(&r->body);
    *r = CLI_REPLY_NULL;
}

static void on_answer(void *ctx, const struct http_answer *a)
{
    struct awaited_call *c = ctx;
    struct cli_reply *r = c->reply;

    cli_reply_fini(r);
    buf_init(&r->body, HTTP_ANSWER_BYTES_MAX);
    if (a->body.n)
        c->result = buf_add(&r->body, a->body.p, a->body.n);
    r->answer.status = a->error == HTTP_OK ? a->status : 0;
    r->answer.body = (struct str){ buf_str(&r->body), r->body.len };
    r->error = a->error;
    r->took_ms = a->took_ms;
    (void)snprintf(r->detail, sizeof r->detail, "%s", a->detail);
    loop_stop(c->bridge->loop);
}

int cli_bridge_call(struct cli_bridge *b, struct bridge_request *req, int64_t timeout_ms,
                    struct cli_reply *ret)
{
    CLEANUP(bridge_request_fini) struct bridge_request owned = *req;
    const struct http_request http = { .method = owned.method,
                                       .url = buf_str(&owned.url),
                                       .headers = buf_str(&owned.headers),
                                       .body = { owned.body.data, owned.body.len },
                                       .timeout_ms = timeout_ms };
    struct awaited_call c = { .bridge = b, .reply = ret };
    int r;

    *req = BRIDGE_REQUEST_NULL;
    r = http_call(b->client, &http, on_answer, &c, NULL);
    if (r == 0)
        r = loop_run(b->loop);
    return r ? r : c.result;
}

static void on_slept(void *ctx)
{
    loop_stop(ctx);
}

int cli_bridge_sleep(struct cli_bridge *b, int64_t ms)
{
    struct timer *t;
    int r = timer_open(b->loop, on_slept, b->loop, &t);

    if (r)
        return r;
    timer_start(t, ms);
    r = loop_run(b->loop);
    timer_close(t);
    return r;
}

/* -- words -- */

char *cli_bridge_address(const struct cli_bridge *b, char *ret, size_t n)
{
    if (*url_display(b->target.base_url, ret, n) == '\0')
        (void)snprintf(ret, n, "the bridge");
    return ret;
}

int cli_bridge_problem(const struct cli_bridge *b, const char *what, int kind, const struct cli_reply *reply)
{
    char place[300], own[BRIDGE_MESSAGE_MAX] = "";

    (void)cli_bridge_address(b, place, sizeof place);
    if (kind > 0)
        (void)bridge_answer_message(&reply->answer, own, sizeof own);
    if (kind < 0)
        return cli_problem(EXIT_UNREACHABLE, "%s: %s", what, err_text(kind));
    if (kind == BRIDGE_NO_ANSWER)
        return cli_problem(EXIT_UNREACHABLE, "%s: no answer from %s (%s); is the bridge running?", what,
                           place, reply->detail[0] ? reply->detail : http_error_text(reply->error));
    if (kind == BRIDGE_UNAUTHORIZED)
        return cli_problem(EXIT_UNREACHABLE,
                           "%s: the bridge at %s refuses the API key (%d); set WHATSAPP_API_KEY", what, place,
                           reply->answer.status);
    return cli_problem(bridge_answer_is_transport(kind) ? EXIT_UNREACHABLE : EXIT_NEGATIVE, "%s: %s (%d%s%s)",
                       what, bridge_answer_text(kind), reply->answer.status, own[0] ? ": " : "", own);
}

int cli_bridge_go_on(struct cli_bridge *b, enum bridge_op op, const char *id,
                     const struct subscription_want *hook, int kind, int64_t timeout_ms,
                     struct cli_reply *reply)
{
    struct bridge_procedure p = { .op = op, .id = id, .hook = hook, .kind = kind };
    struct bridge_request req = BRIDGE_REQUEST_NULL;
    int r;

    for (;;) {
        p.answer = &reply->answer;
        r = bridge_next(b->driver, &b->target, &p, &req);
        if (r != 0)
            break;
        if (p.pause_ms > 0)
            (void)cli_bridge_sleep(b, p.pause_ms);
        r = cli_bridge_call(b, &req, timeout_ms, reply);
        if (r != 0)
            break;
        p.kind = bridge_read_step(b->driver, op, &reply->answer);
    }
    explicit_bzero(p.note, sizeof p.note);
    return r == -ENOTSUP ? p.kind : r;
}

/* -- which bridge -- */

int cli_bridge_detect(struct cli_bridge *b, struct detection *ret, const struct bridge_driver **ret_driver)
{
    int r;

    detection_init(ret);
    do {
        CLEANUP(cli_reply_fini) struct cli_reply reply = CLI_REPLY_NULL;
        struct bridge_request req = BRIDGE_REQUEST_NULL;

        r = detection_build(ret, &b->target, &req);
        if (r == 0)
            r = cli_bridge_call(b, &req, 0, &reply);
        if (r == 0)
            r = detection_take(ret, &reply.answer, ret_driver);
    } while (r == DETECT_MORE);
    return r;
}

int cli_bridge_find_driver(struct cli_bridge *b)
{
    CLEANUP(detection_fini) struct detection d = DETECTION_NULL;
    const struct detection_probe *reason;
    char place[300];
    int r;

    b->driver = bridge_driver_find(b->settings->driver);
    if (b->driver)
        return EXIT_GO_ON;
    r = cli_bridge_detect(b, &d, &b->driver);
    if (r == 0)
        return EXIT_GO_ON;
    reason = detection_reason(&d);
    if (r != DETECT_UNKNOWN) {
        const struct cli_reply reply = { .answer = { .status = reason->answer.status } };

        return cli_bridge_problem(b, "cannot ask the bridge",
                                  r < 0                      ? r
                                  : r == DETECT_UNAUTHORIZED ? BRIDGE_UNAUTHORIZED
                                  : reason->answer.status    ? BRIDGE_BROKEN
                                                             : BRIDGE_NO_ANSWER,
                                  &reply);
    }
    return cli_problem(
        EXIT_UNREACHABLE,
        "%s answers, but not like a bridge that is known (GET %s: %d); check WHATSAPP_API_URL, or "
        "name the bridge by WHATSAPP_BRIDGE",
        cli_bridge_address(b, place, sizeof place), reason->path, reason->answer.status);
}

/* -- open and close -- */

int cli_bridge_start(const struct bridge_settings *settings, struct cli_bridge *ret)
{
    struct cli_bridge b = { .settings = settings, .target = bridge_settings_target(settings) };
    int r = loop_open(&b.loop);

    if (r == 0)
        r = http_client_open(b.loop, 1, &b.client);
    if (r) {
        cli_bridge_close(&b);
        return r;
    }
    bridge_target_prepare(&b.target, b.client);
    *ret = b;
    return 0;
}

int cli_bridge_open(const struct bridge_settings *settings, struct cli_bridge *ret)
{
    CLEANUP(buf_fini) struct buf problem = BUF_INIT(SETTINGS_VALUE_MAX * 2);
    int r;

    if (!*settings->url && *settings->file)
        return cli_problem(EXIT_USAGE, "bridge %s is not in %s, so it cannot be called", settings->name,
                           settings->file);
    if (!*settings->url)
        return cli_problem(EXIT_USAGE, "WHATSAPP_API_URL is not set; set it to the bridge's base URL");
    if (bridge_settings_check(settings, &problem) != 0)
        return cli_problem(EXIT_USAGE, "%s", buf_str(&problem));
    r = cli_bridge_start(settings, ret);
    return r ? cli_problem(EXIT_NEGATIVE, "cannot start: %s", err_text(r)) : EXIT_GO_ON;
}

void cli_bridge_close(struct cli_bridge *b)
{
    http_client_close(b->client);
    (void)loop_close(b->loop);
    *b = CLI_BRIDGE_NULL;
}
