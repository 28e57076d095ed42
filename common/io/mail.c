/*
 * One mail: mail_send copies the request and sets the options of a curl handle → on_read gives the message to curl →
 * on_done reads the server's answer, calls back and frees.
 */
#include "common/io/mail.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/base/list.h"
#include "common/base/mem.h"
#include "common/io/http_driver.h"

/* An alert has some hundred bytes; a group of 20 some thousand. */
#define MESSAGE_BYTES_MAX  ((size_t)1024 * 1024)
#define CONNECT_TIMEOUT_MS 10000L
/* One at a time is enough for alerts; a second for a test beside it. */
#define CONNECTIONS_MAX 2

struct mail_client {
    struct http_driver *driver;
    struct list mails; /* under way */
};

struct mail {
    struct list in_client;
    struct mail_client *client;
    CURL *easy;
    struct curl_slist *to;
    struct buf message;
    size_t at; /* so much of it was read */
    char error[CURL_ERROR_SIZE];
    int64_t started_us;
    void (*done)(void *ctx, const struct mail_answer *answer);
    void *ctx;
};

/* ---- the end --------------------------------------------------------------------------------- */

static void free_mail(struct mail *m)
{
    list_remove(&m->in_client);
    if (m->easy)
        curl_easy_cleanup(m->easy);
    curl_slist_free_all(m->to);
    buf_fini(&m->message);
    mem_free(m);
}

static void finish(struct mail *m, CURLcode code)
{
    struct mail_answer a = { .taken = code == CURLE_OK, .took_ms = (clock_mono_us() - m->started_us) / 1000 };
    long status = 0;

    (void)curl_easy_getinfo(m->easy, CURLINFO_RESPONSE_CODE, &status);
    a.code = (int)status;
    if (!a.taken)
        (void)snprintf(a.detail, sizeof a.detail, "%.127s",
                       m->error[0] ? m->error : curl_easy_strerror(code));
    (void)clean_text(a.detail); /* the name in a certificate is the server's */
    http_driver_remove(m->client->driver, m->easy);
    m->done(m->ctx, &a);
    free_mail(m);
}

static void on_done(void *ctx, CURL *easy, CURLcode code)
{
    struct mail *m = NULL;

    (void)ctx;
    (void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&m);
    finish(m, code);
}

/* Nobody cancels a mail. */
static void on_soon(void *ctx)
{
    (void)ctx;
}

/* ---- the start ------------------------------------------------------------------------------- */

static size_t on_read(char *to, size_t size, size_t n, void *ctx)
{
    struct mail *m = ctx;
    size_t left = m->message.len - m->at;
    size_t now = size * n < left ? size * n : left;

    memcpy(to, buf_str(&m->message) + m->at, now);
    m->at += now;
    return now;
}

static size_t on_text(const char *data, size_t size, size_t n, void *ctx)
{
    return size * n; /* of the dialogue; the code says enough */
}

static bool is_one_line(const char *s)
{
    return !s || !strpbrk(s, "\r\n");
}

static bool is_sound(const struct mail_request *req)
{
    bool sound = is_one_line(req->server) && is_one_line(req->from) && is_one_line(req->user);

    for (int i = 0; i < req->n_to; i++)
        sound = sound && is_one_line(req->to[i]);
    return sound && req->n_to > 0;
}

static int add_receivers(struct mail *m, const struct mail_request *req)
{
    for (int i = 0; i < req->n_to; i++) {
        struct curl_slist *more = curl_slist_append(m->to, req->to[i]);

        if (!more)
            return -ENOMEM;
        m->to = more;
    }
    return 0;
}

static void set_safety(CURL *e, const struct mail_request *req)
{
    (void)curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(e, CURLOPT_NOPROXY, "*"); /* nothing is taken from the environment */
    (void)curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    (void)curl_easy_setopt(e, CURLOPT_USE_SSL, (long)(req->plain ? CURLUSESSL_NONE : CURLUSESSL_ALL));
    if (req->ca_file && *req->ca_file) {
        (void)curl_easy_setopt(e, CURLOPT_CAINFO, req->ca_file);
        (void)curl_easy_setopt(e, CURLOPT_CAPATH, NULL);
    }
    (void)curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
    (void)curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)req->timeout_ms);
}

static int set_options(struct mail *m, const struct mail_request *req)
{
    CURL *e = m->easy;

    set_safety(e, req);
    (void)curl_easy_setopt(e, CURLOPT_PRIVATE, m);
    (void)curl_easy_setopt(e, CURLOPT_ERRORBUFFER, m->error);
    (void)curl_easy_setopt(e, CURLOPT_UPLOAD, 1L);
    (void)curl_easy_setopt(e, CURLOPT_READFUNCTION, on_read);
    (void)curl_easy_setopt(e, CURLOPT_READDATA, m);
    (void)curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_text);
    (void)curl_easy_setopt(e, CURLOPT_MAIL_RCPT, m->to);
    if (curl_easy_setopt(e, CURLOPT_URL, req->server) != CURLE_OK ||
        curl_easy_setopt(e, CURLOPT_MAIL_FROM, req->from) != CURLE_OK)
        return -ENOMEM;
    if (!req->user || !*req->user)
        return 0;
    return curl_easy_setopt(e, CURLOPT_USERNAME, req->user) == CURLE_OK &&
                   curl_easy_setopt(e, CURLOPT_PASSWORD, req->password ? req->password : "") == CURLE_OK
               ? 0
               : -ENOMEM;
}

static int start(struct mail *m, const struct mail_request *req)
{
    int r = buf_add(&m->message, req->message.p, req->message.n);

    m->easy = r == 0 ? curl_easy_init() : NULL;
    if (r == 0 && !m->easy)
        r = -ENOMEM;
    if (r == 0)
        r = add_receivers(m, req);
    if (r == 0)
        r = set_options(m, req);
    return r == 0 ? http_driver_add(m->client->driver, m->easy) : r;
}

int mail_send(struct mail_client *c, const struct mail_request *req,
              void (*done)(void *ctx, const struct mail_answer *answer), void *ctx)
{
    struct mail *m = is_sound(req) ? mem_zalloc(sizeof *m) : NULL;
    int r;

    if (!m)
        return is_sound(req) ? -ENOMEM : -EINVAL;
    *m = (struct mail){ .client = c, .done = done, .ctx = ctx, .started_us = clock_mono_us() };
    m->message = BUF_INIT(MESSAGE_BYTES_MAX);
    list_init(&m->in_client);
    list_append(&c->mails, &m->in_client);
    r = start(m, req);
    if (r != 0)
        free_mail(m);
    return r;
}

/* ---- open and close -------------------------------------------------------------------------- */

int mail_client_open(struct loop *l, struct mail_client **ret)
{
    struct mail_client *c = mem_zalloc(sizeof *c);
    int r;

    if (!c)
        return -ENOMEM;
    list_init(&c->mails);
    r = http_driver_open(l, CONNECTIONS_MAX, on_done, on_soon, c, &c->driver);
    if (r != 0) {
        mem_free(c);
        return r;
    }
    *ret = c;
    return 0;
}

void mail_client_close(struct mail_client *c)
{
    if (!c)
        return;
    LIST_FOR(it, &c->mails)
    {
        finish(container_of(it, struct mail, in_client), CURLE_ABORTED_BY_CALLBACK);
    }
    http_driver_close(c->driver);
    mem_free(c);
}
