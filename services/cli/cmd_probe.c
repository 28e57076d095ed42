/*
 * zapkeep probe URL: for container health checks, which have no curl in the image.
 */
#include <stdio.h>
#include <string.h>

#include "common/io/http_client.h"
#include "services/cli/cli.h"
#include "services/cli/commands.h"

/* A health check that takes longer than this has failed already. */
#define PROBE_TIMEOUT_MS 3000
#define PROBE_BYTES_MAX  (256 * 1024)

struct probe {
    struct loop *loop;
    int code;
};

static void on_answer(void *ctx, const struct http_answer *a)
{
    struct probe *p = ctx;

    if (a->error != HTTP_OK) {
        p->code = cli_problem(EXIT_UNREACHABLE, "no answer: %s", http_error_text(a->error));
    } else {
        cli_print_answer("", a->body);
        p->code = a->status == 200 ? EXIT_DONE : EXIT_NEGATIVE;
    }
    loop_stop(p->loop);
}

static int probe(const char *url)
{
    const struct http_request req = { .method = "GET",
                                      .url = url,
                                      .connect_timeout_ms = PROBE_TIMEOUT_MS,
                                      .timeout_ms = PROBE_TIMEOUT_MS,
                                      .answer_bytes_max = PROBE_BYTES_MAX };
    struct probe p = { .code = EXIT_UNREACHABLE };
    struct http_client *client = NULL;
    int r = loop_open(&p.loop);

    if (r == 0)
        r = http_client_open(p.loop, 1, &client);
    if (r == 0)
        r = http_call(client, &req, on_answer, &p, NULL);
    if (r == 0)
        r = loop_run(p.loop);
    http_client_close(client);
    (void)loop_close(p.loop);
    return r == 0 ? p.code : cli_problem(EXIT_USAGE, "cannot ask %s: %s", url, err_text(r));
}

int cmd_probe(int argc, char *argv[])
{
    struct cli_settings s;
    struct settings_args args;
    int code = cli_read(cli_command_of(cmd_probe), NULL, argc, argv, &s, &args);

    if (code != EXIT_GO_ON)
        return code;
    if (args.n != 1)
        code = cli_problem(EXIT_USAGE, "probe takes one URL, as http://127.0.0.1:8000/health");
    else
        code = probe(args.arg[0]);
    cli_free(NULL, &s);
    return code;
}
