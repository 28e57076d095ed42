#include "services/cli/rejected.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/base/mem.h"
#include "common/io/http_client.h"
#include "services/cli/cli.h"

/* webhook-ingest answers within a commit; a disk that takes longer is a problem of its own. */
#define TIMEOUT_MS       10000
#define ANSWER_BYTES_MAX (64 * 1024)

struct acceptance {
    struct loop *loop;
    const struct rejected *row;
    bool json;
    int code;
};

static void on_answer(void *ctx, const struct http_answer *a)
{
    struct acceptance *x = ctx;

    if (a->error != HTTP_OK)
        x->code =
            cli_problem(EXIT_UNREACHABLE, "webhook-ingest gives no answer: %s", http_error_text(a->error));
    else if (a->status != 200)
        x->code = cli_problem(EXIT_NEGATIVE, "it is refused again (%d): %.*s", a->status, (int)a->body.n,
                              a->body.p);
    else
        cli_print_answer(x->json ? "" : "taken in: ", a->body);
    loop_stop(x->loop);
}

static int post(struct acceptance *x, const struct http_request *req)
{
    struct http_client *client = NULL;
    int r = loop_open(&x->loop);

    if (r == 0)
        r = http_client_open(x->loop, 1, &client);
    if (r == 0)
        r = http_call(client, req, on_answer, x, NULL);
    if (r == 0)
        r = loop_run(x->loop);
    http_client_close(client);
    (void)loop_close(x->loop);
    return r == 0 ? x->code : cli_problem(EXIT_USAGE, "cannot post to webhook-ingest: %s", err_text(r));
}

int rejected_accept(const struct rejected *row, const struct rejected_target *t)
{
    CLEANUP(buf_fini) struct buf headers = BUF_INIT(SETTINGS_VALUE_MAX + 64);
    struct acceptance x = { .row = row, .json = t->json, .code = EXIT_DONE };
    struct http_request req = { .method = "POST",
                                .url = t->url,
                                .body = row->body,
                                .connect_timeout_ms = TIMEOUT_MS,
                                .timeout_ms = TIMEOUT_MS,
                                .answer_bytes_max = ANSWER_BYTES_MAX };

    if ((int64_t)row->body.n < row->size)
        return cli_problem(EXIT_NEGATIVE,
                           "only %zu of the %" PRId64
                           " bytes of its body were kept: the bridge has to send it again",
                           row->body.n, row->size);
    (void)buf_adds(&headers, "Content-Type: application/json\n");
    if (*t->token)
        (void)buf_addf(&headers, "X-Webhook-Token: %s\n", t->token);
    req.headers = buf_str(&headers);
    return post(&x, &req);
}
