#include "common/bridge/subscription.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/base/base64.h"
#include "common/base/clean.h"
#include "common/base/json_out.h"
#include "common/base/mem.h"
#include "common/base/percent.h"
#include "common/base/url.h"
#include "common/bridge/answer.h"
#include "common/bridge/request.h"
#include "common/bridge/webhook.h"

/* Longer ones are no URL that a person has set. */
#define URL_MAX   2048
#define VALUE_MAX 1024
#define EVENT_MAX 96

/* ---- credentials ----------------------------------------------------------------------------- */

struct str subscription_first(const char *list)
{
    return (struct str){ list, strcspn(list, ",") };
}

/* Is it one of a list of two, separated by a comma? */
static bool is_one_of(const char *list, struct str value)
{
    struct str first = subscription_first(list);
    const char *second = list[first.n] ? list + first.n + 1 : "";

    return value.n > 0 && ((value.n == first.n && memcmp(value.p, first.p, first.n) == 0) ||
                           (value.n == strlen(second) && memcmp(value.p, second, value.n) == 0));
}

/* As it stands when it is not so encoded, or longer than @n. */
static struct str decode(struct str s, enum percent_plus plus, char *ret, size_t n)
{
    size_t len;

    return percent_decode(s, plus, ret, n, &len) == 0 ? (struct str){ ret, len } : s;
}

/* As webhook-ingest reads it: a '+' may be one, or a space. */
static bool query_presents(struct str query, const char *tokens)
{
    struct str token = percent_field(query, "token");
    char value[VALUE_MAX];

    return token.p && (is_one_of(tokens, token) ||
                       is_one_of(tokens, decode(token, PERCENT_PLUS_IS_SPACE, value, sizeof value)));
}

static bool url_presents(const char *url, const char *tokens)
{
    char password[VALUE_MAX];
    struct url u;

    return url_parse(url, &u) == 0 &&
           (is_one_of(tokens, decode(u.password, PERCENT_PLUS_IS_ITSELF, password, sizeof password)) ||
            query_presents(u.query, tokens));
}

/* "Basic dXNlcjpUT0tFTg==": the password is the token. */
static bool basic_presents(const char *value, const char *tokens)
{
    uint8_t bytes[VALUE_MAX];
    const char *colon;
    size_t n;

    if (base64_decode(str_from(value), bytes, sizeof bytes, &n) != 0)
        return false;
    colon = memchr(bytes, ':', n);
    return colon && is_one_of(tokens, (struct str){ colon + 1, (size_t)((char *)bytes + n - colon - 1) });
}

static bool header_presents(const char *name, const char *value, const char *tokens)
{
    if (strcasecmp(name, "x-webhook-token") == 0)
        return is_one_of(tokens, str_from(value));
    if (strcasecmp(name, "authorization") != 0)
        return false;
    if (strncasecmp(value, "Basic ", 6) == 0)
        return basic_presents(value + 6, tokens);
    return strncasecmp(value, "Bearer ", 7) == 0 && is_one_of(tokens, str_from(value + 7));
}

struct header {
    const char *tokens;
    struct json_value v[2]; /* name, value */
};

static int on_header(void *ctx, struct json_value item)
{
    struct header *h = ctx;
    char name[64], value[VALUE_MAX];

    json_in_text(h->v[0], name, sizeof name);
    json_in_text(h->v[1], value, sizeof value);
    return header_presents(name, value, h->tokens);
}

static bool headers_present(struct json_value headers, const char *tokens)
{
    static const struct json_path pair[] = { { 0, { "name" } }, { 1, { "value" } } };
    /* The reader finds keys as they are written; these are the ways in which people write them. */
    static const struct json_path names[] = {
        { 0, { "authorization" } },   { 0, { "Authorization" } },   { 0, { "AUTHORIZATION" } },
        { 1, { "x-webhook-token" } }, { 1, { "X-Webhook-Token" } }, { 1, { "X-WEBHOOK-TOKEN" } },
    };
    struct json_value v[ARRAY_LEN(names)];
    struct header h = { .tokens = tokens };
    char value[VALUE_MAX];

    if (headers.kind == JSON_IN_ARRAY)
        return json_in_each_find(headers, pair, 2, h.v, on_header, &h) == 1;
    if (headers.kind != JSON_IN_OBJECT || json_in_find(headers.raw, names, ARRAY_LEN(names), v))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (v[i].kind == JSON_IN_TEXT &&
            header_presents(names[i].part[0], json_in_text(v[i], value, sizeof value), tokens))
            return true;
    }
    return false;
}

/* ---- the URL --------------------------------------------------------------------------------- */

static uint16_t port_of(const struct url *u)
{
    return u->port ? u->port : u->https ? 443 : 80;
}

static bool is_same_host(const struct url *a, const struct url *b)
{
    return a->host.n == b->host.n && strncasecmp(a->host.p, b->host.p, a->host.n) == 0;
}

/* Without the slashes at its end. */
static struct str path_of(const struct url *u)
{
    struct str p = u->path;

    while (p.n > 0 && p.p[p.n - 1] == '/')
        p.n--;
    return p;
}

/* /webhook/BRIDGE/SESSION is /webhook/BRIDGE, for a bridge whose webhooks name no session. */
static bool is_same_path(const struct url *found, const struct url *want)
{
    char a_text[URL_MAX], b_text[URL_MAX];
    struct str a = decode(path_of(found), PERCENT_PLUS_IS_ITSELF, a_text, sizeof a_text),
               b = decode(path_of(want), PERCENT_PLUS_IS_ITSELF, b_text, sizeof b_text);

    if (a.n < b.n || memcmp(a.p, b.p, b.n) != 0)
        return false;
    return a.n == b.n || (str_starts(b, WEBHOOK_PATH_OF_BRIDGE) && a.p[b.n] == '/' &&
                          !memchr(a.p + b.n + 1, '/', a.n - b.n - 1));
}

static bool is_same_url(const struct subscription_want *w, const char *found)
{
    struct url a, b;

    if (!*w->url || url_parse(w->url, &b) != 0)
        return true; /* nobody knows how it should be */
    if (url_parse(found, &a) != 0)
        return false;
    return is_same_path(&a, &b) &&
           (w->any_host || (is_same_host(&a, &b) && a.https == b.https && port_of(&a) == port_of(&b)));
}

bool subscription_is_own_url(const struct subscription_want *w, struct json_value url)
{
    char found[URL_MAX];
    struct url a, b;

    return url_parse(json_in_text(url, found, sizeof found), &a) == 0 && url_parse(w->url, &b) == 0 &&
           is_same_path(&a, &b) && (w->any_host || is_same_host(&a, &b));
}

static bool is_ingest_path(const struct url *u)
{
    return str_starts(u->path, WEBHOOK_PATH_OF_BRIDGE) || str_starts(u->path, WEBHOOK_PATH_DEFAULT);
}

/* Scheme, host and port; the path only where it is one of webhook-ingest's: others keep their secret there. */
char *subscription_show_url(const char *url, char *ret, size_t n)
{
    char place[SUBSCRIPTION_TEXT_MAX];
    struct url u;

    ret[0] = '\0';
    if (url_parse(url, &u) != 0)
        return ret;
    (void)url_display(url, place, sizeof place);
    if (is_ingest_path(&u))
        place[strlen(place) > 2 ? strlen(place) - strlen("/…") : 0] = '\0';
    else
        u.path = STR_NULL;
    (void)snprintf(ret, n, "%.90s%.*s", place, u.path.n > 80 ? 80 : (int)u.path.n, u.path.p ? u.path.p : "");
    return clean_text(ret);
}

/* Another zapkeep takes webhooks there. Nobody knows where no host is wanted. */
static bool is_of_other_zapkeep(const struct subscription_want *w, const char *found)
{
    struct url a, b;

    return *w->url && !w->any_host && url_parse(w->url, &b) == 0 && url_parse(found, &a) == 0 &&
           is_ingest_path(&a) && (!is_same_host(&a, &b) || port_of(&a) != port_of(&b));
}

/* ---- events ---------------------------------------------------------------------------------- */

static int on_event(void *ctx, struct json_value item)
{
    const char *name = ctx;
    char text[EVENT_MAX];

    return strcasecmp(json_in_text(item, text, sizeof text), name) == 0;
}

static bool has_event(struct json_value events, const char *name)
{
    char list[VALUE_MAX * 4], *rest = list;

    if (events.kind == JSON_IN_ARRAY)
        return json_in_each(events, on_event, (void *)name) == 1;
    json_in_text(events, list, sizeof list);
    for (const char *one = strtok_r(list, ", ", &rest); one; one = strtok_r(NULL, ", ", &rest)) {
        if (strcasecmp(one, name) == 0)
            return true;
    }
    return false;
}

static int on_any(void *ctx, struct json_value item)
{
    return 1;
}

static bool is_empty(struct json_value events)
{
    return events.kind == JSON_IN_ARRAY ? json_in_each(events, on_any, NULL) == 0
                                        : events.kind != JSON_IN_TEXT || events.raw.n == 0;
}

static bool has_one_of(struct json_value events, const char *names)
{
    char list[EVENT_MAX], *rest = list;

    (void)snprintf(list, sizeof list, "%s", names);
    for (const char *one = strtok_r(list, "|", &rest); one; one = strtok_r(NULL, "|", &rest)) {
        if (has_event(events, one))
            return true;
    }
    return false;
}

/* The first event that is needed and missing; NULL: none is. */
static const char *missing_event(const struct subscription_form *f, struct json_value events)
{
    if (has_event(events, "*") || has_event(events, "all") || (f->empty_is_all && is_empty(events)))
        return NULL;
    for (const char *const *e = f->events; *e; e++) {
        if (!has_one_of(events, *e))
            return *e;
    }
    return NULL;
}

/* ---- one webhook ----------------------------------------------------------------------------- */

static struct json_value field(const struct subscription_form *f, const struct json_value *v, int which,
                               enum json_in_kind kind)
{
    return json_in_first(f->paths, v, f->n_paths, which, kind);
}

/* An object or an array. */
static struct json_value either(const struct subscription_form *f, const struct json_value *v, int which,
                                enum json_in_kind a, enum json_in_kind b)
{
    struct json_value x = field(f, v, which, a);

    return x.kind != JSON_IN_ABSENT ? x : field(f, v, which, b);
}

/* Hidden behind stars. */
static bool is_masked(const char *text)
{
    return *text && strspn(text, "*") == strlen(text);
}

static bool secret_differs(const struct bridge_driver *d, const struct subscription_want *w,
                           const struct json_value *v)
{
    const struct subscription_form *f = d->subscription;
    char secret[VALUE_MAX];
    bool differs;

    if (!*w->secrets || !d->signatures)
        return false;
    if (!f->shows_secret)
        return field(f, v, SUBSCRIPTION_SIGNED, JSON_IN_TRUE).kind == JSON_IN_FALSE;
    json_in_text(field(f, v, SUBSCRIPTION_SECRET, JSON_IN_TEXT), secret, sizeof secret);
    differs = !is_masked(secret) && !is_one_of(w->secrets, str_from(secret));
    explicit_bzero(secret, sizeof secret);
    return differs;
}

static bool token_differs(const struct bridge_driver *d, const struct subscription_want *w, const char *url,
                          const struct json_value *v)
{
    const struct subscription_form *f = d->subscription;

    if (!*w->tokens || (*w->secrets && d->signatures) || !f->shows_headers)
        return false;
    return !url_presents(url, w->tokens) &&
           !headers_present(either(f, v, SUBSCRIPTION_HEADERS, JSON_IN_OBJECT, JSON_IN_ARRAY), w->tokens);
}

static unsigned compare(const struct bridge_driver *d, const struct subscription_want *w, const char *url,
                        const struct json_value *v)
{
    const struct subscription_form *f = d->subscription;
    struct json_value events = either(f, v, SUBSCRIPTION_EVENTS, JSON_IN_ARRAY, JSON_IN_TEXT);
    unsigned differs = 0;

    if (!is_same_url(w, url))
        differs |= SUBSCRIPTION_DIFFERS_URL;
    if (field(f, v, SUBSCRIPTION_ON, JSON_IN_TRUE).kind == JSON_IN_FALSE)
        differs |= SUBSCRIPTION_DIFFERS_OFF;
    if (field(f, v, SUBSCRIPTION_BY_EVENT, JSON_IN_TRUE).kind == JSON_IN_TRUE)
        differs |= SUBSCRIPTION_DIFFERS_BY_EVENT;
    if (missing_event(f, events))
        differs |= SUBSCRIPTION_DIFFERS_EVENTS;
    if (token_differs(d, w, url, v))
        differs |= SUBSCRIPTION_DIFFERS_TOKEN;
    if (secret_differs(d, w, v))
        differs |= SUBSCRIPTION_DIFFERS_SECRET;
    return differs;
}

static void describe(const struct bridge_driver *d, const struct subscription_want *w,
                     const struct json_value *v, struct subscription *s)
{
    const struct subscription_form *f = d->subscription;
    const char *event = missing_event(f, either(f, v, SUBSCRIPTION_EVENTS, JSON_IN_ARRAY, JSON_IN_TEXT));
    const struct {
        unsigned bit;
        const char *text;
    } parts[] = {
        { SUBSCRIPTION_DIFFERS_OFF, "it is switched off" },
        { SUBSCRIPTION_DIFFERS_BY_EVENT, "it adds the event's name to the path" },
        { SUBSCRIPTION_DIFFERS_TOKEN, "it does not present the token" },
        { SUBSCRIPTION_DIFFERS_SECRET, "it is not signed with the secret" },
    };
    CLEANUP(buf_fini) struct buf out = BUF_INIT(4096);

    if (s->differs & SUBSCRIPTION_DIFFERS_URL)
        (void)buf_addf(&out, "it posts to %s", s->found[0] ? s->found : "no URL");
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        if (s->differs & parts[i].bit)
            (void)buf_addf(&out, "%s%s", out.len ? "; " : "", parts[i].text);
    }
    if (s->differs & SUBSCRIPTION_DIFFERS_EVENTS)
        (void)buf_addf(&out, "%sit lacks the event %s", out.len ? "; " : "", event ? event : "");
    if (out.len > 0 && f->set_effect)
        (void)buf_addf(&out, "; %s", f->set_effect);
    str_copy((struct str){ buf_str(&out), out.len }, s->detail, sizeof s->detail);
}

/* ---- the answer ------------------------------------------------------------------------------ */

struct reading {
    const struct bridge_driver *d;
    const struct subscription_want *w;
    const char *id;
    struct json_value v[SUBSCRIPTION_PATHS_MAX];
    /* The webhook that differs least, and its fields. */
    bool any, of_session;
    unsigned differs;
    struct json_value best[SUBSCRIPTION_PATHS_MAX];
    char other[SUBSCRIPTION_TEXT_MAX]; /* the first one of another zapkeep */
};

/* A list of all sessions: another one's entry. */
static bool is_of_another(const struct reading *r)
{
    const struct subscription_form *f = r->d->subscription;
    char id[SESSION_ID_MAX];

    for (int i = 0; i < f->n_paths; i++) {
        if (f->paths[i].field != SUBSCRIPTION_SESSION)
            continue;
        webhook_read_session(r->v[i], id);
        return strcmp(id, r->id) != 0;
    }
    return false;
}

static bool is_better(const struct reading *r, unsigned differs)
{
    bool here = !(differs & SUBSCRIPTION_DIFFERS_URL), there = !(r->differs & SUBSCRIPTION_DIFFERS_URL);

    if (!r->any || here != there)
        return !r->any || here;
    return __builtin_popcount(differs) < __builtin_popcount(r->differs);
}

static int on_hook(void *ctx, struct json_value item)
{
    struct reading *r = ctx;
    const struct subscription_form *f = r->d->subscription;
    char url[URL_MAX];
    unsigned differs;

    if (is_of_another(r))
        return 0;
    r->of_session = true;
    json_in_text(field(f, r->v, SUBSCRIPTION_URL, JSON_IN_TEXT), url, sizeof url);
    if (!*url)
        return 0;
    differs = compare(r->d, r->w, url, r->v);
    if (!r->other[0] && !(differs & SUBSCRIPTION_DIFFERS_OFF) && is_of_other_zapkeep(r->w, url))
        (void)subscription_show_url(url, r->other, sizeof r->other);
    if (!is_better(r, differs))
        return 0;
    r->any = true;
    r->differs = differs;
    memcpy(r->best, r->v, sizeof r->best);
    return 0;
}

static bool lists_all(const struct subscription_form *f)
{
    return !strstr(f->read.path, "%s");
}

/* The bridge's own object, and no other JSON. */
static bool is_proven(const struct subscription_form *f, struct str body)
{
    const struct json_path top = { 0, { NULL } }, path = { 0, { f->proof } };
    struct json_value v;

    if (json_in_find(body, &top, 1, &v) || v.kind == JSON_IN_TEXT || v.kind == JSON_IN_NUMBER)
        return false;
    if (v.kind != JSON_IN_OBJECT || !f->proof)
        return true;
    return json_in_find(body, &path, 1, &v) == 0 && v.kind != JSON_IN_ABSENT;
}

/* Returns 0, or a bridge_answer_kind. */
static int walk(struct reading *r, const struct bridge_answer *a)
{
    const struct subscription_form *f = r->d->subscription;
    int kind = r->d->kind ? r->d->kind(BRIDGE_STATUS, a) : 0;
    struct json_value hooks;

    if (kind == 0)
        kind = lists_all(f) ? answer_status(a) : answer_status_of_session(a);
    if (kind)
        return kind;
    if (answer_error(a, false))
        return BRIDGE_REFUSED;
    if (!is_proven(f, a->body) || json_in_find(a->body, &f->at, 1, &hooks))
        return BRIDGE_GARBAGE;
    if (hooks.kind == JSON_IN_ARRAY)
        (void)json_in_each_find(hooks, f->paths, f->n_paths, r->v, on_hook, r);
    else if (hooks.kind == JSON_IN_OBJECT && !json_in_find(hooks.raw, f->paths, f->n_paths, r->v))
        (void)on_hook(r, hooks);
    else if (hooks.kind != JSON_IN_NULL && hooks.kind != JSON_IN_ABSENT)
        return BRIDGE_GARBAGE;
    return lists_all(f) && !r->of_session ? BRIDGE_NO_SESSION : 0;
}

static void settle_none(const struct subscription_form *f, struct subscription *s)
{
    s->state = f->global ? SUBSCRIPTION_NONE : SUBSCRIPTION_DRIFTED;
    s->differs = SUBSCRIPTION_DIFFERS_URL;
    (void)snprintf(s->detail, sizeof s->detail, "it has no webhook of its own%s%s", f->global ? "; " : "",
                   f->global ? f->global : "");
}

int subscription_read(const struct bridge_driver *d, const struct subscription_want *w, const char *id,
                      const struct bridge_answer *a, struct subscription *ret)
{
    struct reading r = { .d = d, .w = w, .id = id };
    struct subscription s = { .state = SUBSCRIPTION_RIGHT };
    char url[URL_MAX];
    int kind = walk(&r, a);

    if (kind)
        return kind;
    if (!r.any) {
        settle_none(d->subscription, &s);
    } else {
        json_in_text(field(d->subscription, r.best, SUBSCRIPTION_URL, JSON_IN_TEXT), url, sizeof url);
        (void)subscription_show_url(url, s.found, sizeof s.found);
        s.differs = r.differs;
        s.state = r.differs ? SUBSCRIPTION_DRIFTED : SUBSCRIPTION_RIGHT;
        describe(d, w, r.best, &s);
        if (!(r.differs & SUBSCRIPTION_DIFFERS_URL)) /* one alone is a drift */
            memcpy(s.other, r.other, sizeof s.other);
    }
    *ret = s;
    return 0;
}

bool subscription_find_own(const struct bridge_driver *d, const struct subscription_want *w, const char *id,
                           const struct bridge_answer *shown, struct json_value ret[SUBSCRIPTION_PATHS_MAX])
{
    struct reading r = { .d = d, .w = w, .id = id };

    if (walk(&r, shown) != 0 || !r.any)
        return false;
    memcpy(ret, r.best, sizeof r.best);
    return true;
}

void subscription_put_url(struct json_out *j, const char *url, struct str *token, char *room, size_t n)
{
    CLEANUP(buf_fini) struct buf plain = BUF_INIT(REQUEST_HEAD_MAX);
    struct url u;

    if (url_parse(url, &u) != 0 || !u.user.p) {
        json_texts(j, "url", url);
        return;
    }
    if (token->n == 0 && u.password.n > 0)
        *token = decode(u.password, PERCENT_PLUS_IS_ITSELF, room, n);
    (void)buf_addf(&plain, "%s://%s", u.https ? "https" : "http",
                   u.password.p ? u.password.p + u.password.n + 1 : u.user.p + u.user.n + 1);
    json_texts(j, "url", buf_str(&plain));
}

/* As RFC 3986 has them, section 2.3: not every bridge decodes encoded letters. */
static bool is_unreserved(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!isalnum((unsigned char)s.p[i]) && !strchr("-._~", s.p[i]))
            return false;
    }
    return s.n > 0;
}

void subscription_put_url_with_token(struct json_out *j, const char *key, const struct subscription_want *w,
                                     bool signs)
{
    CLEANUP(buf_fini) struct buf with = BUF_INIT(REQUEST_HEAD_MAX);
    struct str token = subscription_first(w->tokens);
    struct url u;

    if (signs || !is_unreserved(token) || url_parse(w->url, &u) != 0 || u.user.p) {
        json_texts(j, key, w->url);
        return;
    }
    (void)buf_addf(&with, "%s://zapkeep:%.*s@%s", u.https ? "https" : "http", (int)token.n, token.p,
                   strstr(w->url, "://") + 3);
    json_texts(j, key, buf_str(&with));
}

void subscription_put_bearer(struct json_out *j, const char *key, struct str token)
{
    CLEANUP(buf_fini) struct buf bearer = BUF_INIT(REQUEST_HEAD_MAX);

    if (buf_addf(&bearer, "Bearer %.*s", (int)token.n, token.p) == 0)
        json_texts(j, key, buf_str(&bearer));
}

bool subscription_can_set(const struct subscription_form *f)
{
    return f->build_set || f->set.method;
}

int subscription_build_set(const struct bridge_driver *d, const struct bridge_target *t,
                           const struct subscription_want *w, const char *id,
                           const struct bridge_answer *shown, struct bridge_request *ret)
{
    const struct subscription_form *f = d->subscription;
    struct buf body = BUF_INIT(REQUEST_BODY_MAX);
    struct json_out j = JSON_OUT(&body);

    if (f->build_set)
        return f->build_set(d, t, w, id, shown, ret);
    if (!f->set.method)
        return -ENOTSUP;
    json_open(&j, NULL, '{');
    f->put_set(&j, w, shown);
    json_close(&j, '}');
    return bridge_build_path(d, &f->set, t, id, &body, ret);
}
