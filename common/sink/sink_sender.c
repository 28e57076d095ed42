#include "common/sink/sink_sender.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/io/http_client.h"
#include "common/io/mail.h"
#include "common/io/proc.h"
#include "common/sink/sink_kind.h"

/* Some hundred bytes of an answer are read, to say why. */
#define ANSWER_BYTES_MAX (64 * 1024)
#define ENTRIES_MAX      16

struct sink_sender {
    struct loop *loop;
    const struct sink_config *config;
    struct http_client *http;
    struct mail_client *mail;
    struct proc *program;
    int64_t began_us; /* of the program */
    bool closing;
    void (*done)(void *ctx, const struct sink_result *r);
    void *ctx;
};

static void finish(struct sink_sender *s, const struct sink_result *r)
{
    if (!s->closing)
        s->done(s->ctx, r);
}

/* ---- by HTTP --------------------------------------------------------------------------------- */

/* A token that is wrong, or a rate limit, may be put right; a message that is wrong stays so. */
static bool is_hopeless(int status)
{
    return status >= 400 && status < 500 && status != 401 && status != 403 && status != 404 &&
           status != 408 && status != 429;
}

static void on_http(void *ctx, const struct http_answer *a)
{
    struct sink_result r = { .taken = a->error == HTTP_OK && a->status / 100 == 2,
                             .status = a->status,
                             .retry_after_s = a->retry_after_s,
                             .took_ms = a->took_ms };

    r.hopeless = !r.taken && is_hopeless(a->status);
    if (a->error != HTTP_OK)
        (void)snprintf(r.detail, sizeof r.detail, "%s", http_error_text(a->error));
    else if (!r.taken)
        (void)snprintf(r.detail, sizeof r.detail, "answered %d: %.*s", a->status,
                       (int)(a->body.n < 120 ? a->body.n : 120), a->body.p ? a->body.p : "");
    (void)clean_text(r.detail);
    finish(ctx, &r);
}

static int send_http(struct sink_sender *s, const struct sink_message *m)
{
    const struct http_request req = { .method = "POST",
                                      .url = buf_str(&m->url),
                                      .headers = buf_str(&m->headers),
                                      .body = { buf_str(&m->body), m->body.len },
                                      .timeout_ms = SINK_TIMEOUT_MS,
                                      .answer_bytes_max = ANSWER_BYTES_MAX };

    return http_call(s->http, &req, on_http, s, NULL);
}

/* ---- by mail --------------------------------------------------------------------------------- */

static void on_mail(void *ctx, const struct mail_answer *a)
{
    struct sink_result r = {
        .taken = a->taken, .status = a->code, .retry_after_s = -1, .took_ms = a->took_ms
    };

    (void)snprintf(r.detail, sizeof r.detail, "%s", a->detail);
    finish(ctx, &r);
}

static int send_mail(struct sink_sender *s, const struct sink_message *m)
{
    char addresses[SINK_RECEIVERS_MAX][320];
    const char *to[SINK_RECEIVERS_MAX];
    struct mail_request req = { .server = buf_str(&m->url),
                                .user = s->config->user,
                                .password = s->config->password,
                                .ca_file = s->config->ca,
                                .plain = s->config->plain,
                                .from = s->config->from,
                                .to = to,
                                .n_to = s->config->to.n,
                                .message = { buf_str(&m->body), m->body.len },
                                .timeout_ms = SINK_TIMEOUT_MS };

    for (int i = 0; i < req.n_to; i++) {
        str_copy(s->config->to.item[i], addresses[i], sizeof addresses[i]);
        to[i] = addresses[i];
    }
    return mail_send(s->mail, &req, on_mail, s);
}

/* ---- by a program ---------------------------------------------------------------------------- */

static void on_program(void *ctx, int status)
{
    struct sink_sender *s = ctx;
    struct sink_result r = { .taken = status == 0, .status = status > 0 ? status : 0, .retry_after_s = -1 };

    s->program = NULL;
    if (status > 0)
        (void)snprintf(r.detail, sizeof r.detail, "the program ended with %d", status);
    else if (status < 0)
        (void)snprintf(r.detail, sizeof r.detail, "the program %s",
                       status == -ETIMEDOUT ? "ran for too long" : "was ended by a signal");
    finish(s, &r);
}

static int run_program(struct sink_sender *s, const struct sink_message *m)
{
    const char *argv[] = { s->config->command, NULL };
    const char *env[ENTRIES_MAX + 1] = { NULL };
    const char *p = buf_str(&m->headers);
    int n = 0;

    s->began_us = clock_mono_us();
    for (const char *end = p + m->headers.len; p < end && n < ENTRIES_MAX; p += strlen(p) + 1)
        env[n++] = p;
    return proc_run(s->loop, argv, env, SINK_TIMEOUT_MS, on_program, s, &s->program);
}

/* ---- all ------------------------------------------------------------------------------------- */

int sink_send(struct sink_sender *s, const struct sink_message *m,
              void (*done)(void *ctx, const struct sink_result *r), void *ctx)
{
    s->done = done;
    s->ctx = ctx;
    switch (sink_transport_of(s->config->kind)) {
    case SINK_BY_MAIL:
        return send_mail(s, m);
    case SINK_BY_PROGRAM:
        return run_program(s, m);
    default:
        return send_http(s, m);
    }
}

int sink_sender_open(struct loop *l, const struct sink_config *config, struct sink_sender **ret)
{
    struct sink_sender *s = mem_zalloc(sizeof *s);
    int r = 0;

    if (!s)
        return -ENOMEM;
    *s = (struct sink_sender){ .loop = l, .config = config };
    if (sink_transport_of(config->kind) == SINK_BY_MAIL)
        r = mail_client_open(l, &s->mail);
    else if (sink_transport_of(config->kind) == SINK_BY_HTTP)
        r = http_client_open(l, 1, &s->http);
    if (r != 0) {
        mem_free(s);
        return r;
    }
    if (s->http)
        http_client_set_peer(s->http, &(struct http_client_peer){ .ca_file = config->ca });
    *ret = s;
    return 0;
}

void sink_sender_close(struct sink_sender *s)
{
    if (!s)
        return;
    s->closing = true;
    http_client_close(s->http);
    mail_client_close(s->mail);
    proc_let_go(s->program);
    mem_free(s);
}
