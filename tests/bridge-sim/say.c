/* Answers and webhooks from templates, and the fields of requests that set a webhook. */
#include <openssl/hmac.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/hash.h"
#include "common/base/hex.h"
#include "common/base/json_in.h"
#include "common/base/json_out.h"
#include "common/base/mem.h"
#include "tests/bridge-sim/dialect.h"
#include "tests/bridge-sim/qr_png.h"

#define ANSWER_MAX (64 * 1024 * 1024)
#define VALUE_MAX  256
#define HEAD_MAX   8192

const char say_qr[] = QR_PNG;

char *say_uuid(const struct sim_session *x, uint64_t salt, char ret[SAY_UUID_MAX])
{
    uint64_t a = hash_add(HASH_START + salt, x->id, strlen(x->id));
    uint64_t b = hash_add(a, &x->created_at, sizeof x->created_at);

    (void)snprintf(ret, SAY_UUID_MAX, "%08x-%04x-4%03x-a%03x-%012llx", (unsigned)(a >> 32),
                   (unsigned)(a & 0xffff), (unsigned)(b & 0xfff), (unsigned)(b >> 48 & 0xfff),
                   (unsigned long long)(b & 0xffffffffffff));
    return ret;
}

/* -- values -- */

static void time_value(int64_t at, char *ret)
{
    char text[32];

    (void)snprintf(ret, VALUE_MAX, at ? "\"%s\"" : "null", at ? text_time(at, text, sizeof text) : "");
}

static void random_value(struct sim *s, char *ret)
{
    uint64_t a = rng_next(&s->rng), b = rng_next(&s->rng);

    (void)snprintf(ret, VALUE_MAX, "%08x-%04x-4%03x-8%03x-%012llx", (unsigned)(a >> 32),
                   (unsigned)(a >> 16 & 0xffff), (unsigned)(a & 0xfff), (unsigned)(b >> 48 & 0xfff),
                   (unsigned long long)(b & 0xffffffffffff));
}

/* The id as a JSON text without its quotes. */
static void id_value(const struct sim_session *x, char *ret)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(VALUE_MAX);
    struct json_out j = JSON_OUT(&out);

    json_texts(&j, NULL, x->id);
    (void)snprintf(ret, VALUE_MAX, "%.*s", out.len > 2 ? (int)out.len - 2 : 0, buf_str(&out) + 1);
}

static bool general_value(struct sim *s, struct str name, char *ret)
{
    char text[32];

    if (str_eq(name, "now"))
        (void)snprintf(ret, VALUE_MAX, "%s", text_time(sim_wall(s), text, sizeof text));
    else if (str_eq(name, "now_ms"))
        (void)snprintf(ret, VALUE_MAX, "%lld", (long long)sim_wall(s));
    else if (str_eq(name, "now_s"))
        (void)snprintf(ret, VALUE_MAX, "%lld", (long long)sim_wall(s) / 1000);
    else if (str_eq(name, "random"))
        random_value(s, ret);
    else
        return false;
    return true;
}

static bool session_value(const struct sim *s, const struct sim_session *x, struct str name, char *ret)
{
    char phone[SIM_PHONE_MAX];

    if (str_eq(name, "id"))
        id_value(x, ret);
    else if (str_eq(name, "uuid"))
        (void)say_uuid(x, 0, ret);
    else if (str_eq(name, "phone"))
        (void)snprintf(ret, VALUE_MAX, "%s", session_phone(x, phone));
    else if (str_eq(name, "status"))
        (void)snprintf(ret, VALUE_MAX, "%s", session_word(s, x->status));
    else if (str_eq(name, "code"))
        (void)snprintf(ret, VALUE_MAX, "%d", x->code);
    else if (str_eq(name, "created"))
        time_value(x->created_at, ret);
    else if (str_eq(name, "updated"))
        time_value(x->updated_at ? x->updated_at : x->created_at, ret);
    else if (str_eq(name, "connected"))
        time_value(x->connected_at, ret);
    else if (str_eq(name, "dropped"))
        time_value(x->code_at, ret);
    else
        return false;
    return true;
}

static const char *pair_value(struct str name, va_list *pairs)
{
    va_list copy;
    const char *key, *value = NULL;

    va_copy(copy, *pairs);
    while (!value && (key = va_arg(copy, const char *))) {
        const char *it = va_arg(copy, const char *);

        if (str_eq(name, key))
            value = it ? it : "null";
    }
    va_end(copy);
    return value;
}

/* "<name>" at @p: appends its value and returns its length; 0: it is no field. */
static size_t add_field(struct sim *s, const struct sim_session *x, struct buf *out, const char *p,
                        va_list *pairs)
{
    struct str name = { p + 1, strspn(p + 1, "abcdefghijklmnopqrstuvwxyz_") };
    char value[VALUE_MAX];
    const char *given;

    if (name.n == 0 || p[1 + name.n] != '>')
        return 0;
    given = pair_value(name, pairs);
    if (given)
        (void)buf_adds(out, given);
    else if (str_eq(name, "qr"))
        (void)buf_adds(out, say_qr);
    else if (general_value(s, name, value) || (x && session_value(s, x, name, value)))
        (void)buf_adds(out, value);
    else
        return 0;
    return name.n + 2;
}

static void fill(struct sim *s, const struct sim_session *x, struct buf *out, const char *template,
                 va_list *pairs)
{
    for (const char *p = template; *p;) {
        size_t plain = strcspn(p, "'`<"), n;

        (void)buf_add(out, p, plain);
        p += plain;
        if (*p == '<' && (n = add_field(s, x, out, p, pairs))) {
            p += n;
        } else if (*p) {
            (void)buf_add(out, *p == '\'' ? "\"" : *p == '`' ? "'" : p, 1);
            p++;
        }
    }
}

void say_add(struct sim *s, const struct sim_session *x, struct buf *out, const char *template, ...)
{
    va_list pairs;

    va_start(pairs, template);
    fill(s, x, out, template, &pairs);
    va_end(pairs);
}

/* -- answers -- */

void say_as(struct sim *s, struct http_req *r, int status, const char *type, struct str body,
            const char *headers)
{
    CLEANUP(buf_fini) struct buf all = BUF_INIT(HEAD_MAX);
    char tag[80] = "";

    bool is_tagged = type && strcmp(type, "image/png") != 0 && (status != 404 || strstr(type, "json"));

    if (s->dialect->has_etag && is_tagged)
        api_etag(body, tag, sizeof tag);
    (void)buf_addf(&all, "%s%s%s", s->dialect->headers ? s->dialect->headers : "", tag,
                   headers ? headers : "");
    call_answered(s, r);
    http_respond(r, status, type, body, buf_str(&all));
}

void say(struct sim *s, struct http_req *r, const struct sim_session *x, int status, const char *template,
         ...)
{
    CLEANUP(buf_fini) struct buf body = BUF_INIT(ANSWER_MAX);
    va_list pairs;

    va_start(pairs, template);
    fill(s, x, &body, template, &pairs);
    va_end(pairs);
    say_as(s, r, status, "application/json; charset=utf-8", (struct str){ buf_str(&body), body.len }, NULL);
}

/* -- webhooks -- */

bool say_wants(const struct sim_session *x, const char *event)
{
    const char *p = x->hook.events;

    while (p && *p) {
        size_t n = strcspn(p, "[]\", ");
        struct str name = { p, n };

        if (n && (str_eq(name, event) || str_eq(name, "*") || str_eq(name, "All")))
            return true;
        p += n + (p[n] != '\0');
    }
    return !x->hook.events;
}

const char *say_webhook_url(const struct sim *s, const struct sim_session *x)
{
    return x->hook.url ? x->hook.url : s->settings.webhook_url;
}

bool say_hmac(const struct sim *s, const struct sim_session *x, const char *digest, struct str body,
              char *ret, size_t n)
{
    const char *secret = x->hook.secret ? x->hook.secret : s->settings.webhook_secret;
    uint8_t mac[EVP_MAX_MD_SIZE];
    unsigned length = 0;

    if (!secret[0] ||
        !HMAC(EVP_get_digestbyname(digest), secret, (int)strlen(secret), (const uint8_t *)body.p, body.n, mac,
              &length) ||
        n < 2 * length + 1)
        return false;
    hex_encode(mac, length, ret);
    return true;
}

void say_hook(struct sim *s, const struct sim_session *x, const char *event, int64_t number,
              const char *template, ...)
{
    CLEANUP(buf_fini) struct buf head = BUF_INIT(HEAD_MAX);
    const char *type = "application/json";
    struct str body;
    va_list pairs;
    int repeat_at = -1;
    bool has_user;

    if (!say_wants(x, event))
        return;
    buf_reset(&s->body);
    va_start(pairs, template);
    fill(s, x, &s->body, template, &pairs);
    va_end(pairs);
    if (s->dialect->wrap)
        type = s->dialect->wrap(s, x, &s->body);
    body = (struct str){ buf_str(&s->body), s->body.len };
    (void)buf_addf(&head,
                   "Accept: application/json, text/plain, */*\r\nContent-Type: %s\r\nUser-Agent: %s\r\n",
                   type, s->dialect->user_agent);
    has_user = strchr(say_webhook_url(s, x), '@') != NULL;
    if (has_user && s->dialect->uses_fetch)
        return;                       /* it refuses such a URL */
    if (x->hook.headers && !has_user) /* axios drops its own header for the password of the URL */
        (void)buf_adds(&head, x->hook.headers);
    if (s->dialect->head)
        repeat_at = s->dialect->head(s, x, event, body, &head);
    (void)buf_adds(&head, "Content-Length: ");
    hook_send(s, x, event, number, (struct str){ buf_str(&head), head.len }, repeat_at);
}

void say_webhook_fini(struct sim_webhook *h)
{
    mem_free(h->url);
    mem_free(h->secret);
    mem_free(h->events);
    mem_free(h->headers);
    mem_free(h->config);
    *h = (struct sim_webhook){ 0 };
}

bool say_webhook_set(struct sim *s, struct sim_session *x, struct sim_webhook *h)
{
    struct target *to = NULL;
    bool is_good = !h->url || sender_target(s->sender, h->url, &to) == 0;

    say_webhook_fini(&x->hook);
    x->hook = *h;
    *h = (struct sim_webhook){ 0 };
    x->to = to;
    return is_good;
}

void say_webhook_adopt(struct sim *s, struct sim_session *x, const char *events, const char *config)
{
    CLEANUP(buf_fini) struct buf text = BUF_INIT(HEAD_MAX);
    CLEANUP(buf_fini) struct buf line = BUF_INIT(HEAD_MAX);
    const struct sim_settings *o = &s->settings;
    struct sim_webhook h = { .url = mem_strdup(o->webhook_url), .events = mem_strdup(events) };
    size_t n;

    say_add(s, x, &text, config, "url", o->webhook_url, "token", o->webhook_token, "events", events, NULL);
    h.config = buf_take(&text, &n);
    (void)buf_addf(&line, "Authorization: Bearer %s\r\n", o->webhook_token);
    h.headers = buf_take(&line, &n);
    (void)say_webhook_set(s, x, &h);
}

/* -- requests -- */

static struct json_value value_at(struct http_req *r, const char *path)
{
    char text[128], *at = text, *part;
    struct json_path p = { 0 };
    struct json_value v = { 0 };
    int n = 0;

    (void)snprintf(text, sizeof text, "%s", path);
    while (n < JSON_IN_PARTS_MAX && (part = strsep(&at, ".")))
        p.part[n++] = part;
    (void)json_in_find(http_req_body(r), &p, 1, &v);
    return v;
}

char *say_text(struct http_req *r, const char *path, char *ret, size_t n)
{
    return json_in_text(value_at(r, path), ret, n);
}

char *say_raw(struct http_req *r, const char *path)
{
    struct json_value v = value_at(r, path);

    return v.kind == JSON_IN_OBJECT || v.kind == JSON_IN_ARRAY ? mem_strndup(v.raw.p, v.raw.n) : NULL;
}
