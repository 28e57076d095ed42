#include "common/app/destination_config.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/base/err.h"
#include "common/base/mem.h"
#include "common/base/settings.h"
#include "common/base/url.h"
#include "common/domain/event_type.h"

/* ---- texts ----------------------------------------------------------------------------------- */

static int set_url(struct destination_config *d, const char *value)
{
    CLEANUP(buf_fini) struct buf url = BUF_INIT(SETTINGS_VALUE_MAX + 64);
    int r = delivery_url(value, &url);

    return r == 0 ? mem_replace(&d->url, buf_str(&url)) : r;
}

/* Can the file be read? Only a connection checks its content. Returns 0 or -errno. */
static int set_readable_file(char **at, const char *file)
{
    return *file && access(file, R_OK) != 0 ? -errno : mem_replace(at, file);
}

/* "now", "beginning", a seq, or a time ago as 2h. Returns 0 or -EINVAL. */
static int set_from(struct destination_config *d, const char *value)
{
    if (strcmp(value, "now") == 0)
        d->from = START_NOW;
    else if (strcmp(value, "beginning") == 0)
        d->from = START_BEGINNING;
    else if (text_to_i64(value, &d->from_n) == 0 && d->from_n > 0)
        d->from = START_SEQ;
    else if (text_to_duration_ms(value, &d->from_n) == 0 && d->from_n > 0)
        d->from = START_AGO;
    else
        return -EINVAL;
    return 0;
}
#define FROM_ALLOWED "now, beginning, a seq as 1200, or a time ago as 2h"

/* ---- the keys of a section ------------------------------------------------------------------- */

struct key;
struct use {
    struct destination_config *d;
    struct ini *ini;
    const struct key *key;
    const char *at; /* of the value, in the line */
};
typedef int (*set_fn)(const struct use *u, const char *value);
struct key {
    const char *name;
    set_fn set;
    size_t field;     /* offset in struct destination_config of the field that @set sets */
    int64_t min, max; /* of a number or a duration */
    const char *allowed;
};

static char **text_field(const struct use *u)
{
    return (char **)(void *)((char *)u->d + u->key->field);
}

static int64_t *number_field(const struct use *u)
{
    return (int64_t *)(void *)((char *)u->d + u->key->field);
}

static int not_allowed(const struct use *u, const char *value)
{
    return ini_problem(u->ini, u->at, "\"%s\" is not allowed here; allowed is %s", value, u->key->allowed);
}

static int set_key_url(const struct use *u, const char *value)
{
    int r = set_url(u->d, value);

    return r == -EINVAL ? ini_problem(u->ini, u->at,
                                      "\"%s\" is no URL; allowed is http:// or https:// and a host", value)
                        : r;
}

static int set_key_text(const struct use *u, const char *value)
{
    return mem_replace(text_field(u), value);
}

static int set_key_secret(const struct use *u, const char *value)
{
    CLEANUP(buf_fini) struct buf detail = BUF_INIT(1024);
    struct tokens t;

    if (delivery_secrets(value, &t, &detail) != 0)
        return ini_problem(u->ini, u->at, "the secret %s", buf_str(&detail));
    return mem_replace(text_field(u), value);
}

static int set_key_text_file(const struct use *u, const char *value)
{
    char line[INI_VALUE_MAX];
    int r = ini_secret_file(u->ini, u->at, value, line);

    return r == 0 ? set_key_text(u, line) : r;
}

static int set_key_secret_file(const struct use *u, const char *value)
{
    char line[INI_VALUE_MAX];
    int r = ini_secret_file(u->ini, u->at, value, line);

    return r == 0 ? set_key_secret(u, line) : r;
}

/* A prefix of a type that exists, or the whole of it. */
static bool is_type_prefix(struct str s)
{
    for (int i = 0; i < EVENT_TYPE_N; i++) {
        struct str type = str_from(event_type_text((enum event_type)i));

        if (type.n >= s.n && memcmp(type.p, s.p, s.n) == 0)
            return true;
    }
    return false;
}

static int check_type(const void *ctx, struct str item, const char *at)
{
    const struct use *u = ctx;

    if (is_type_prefix(item))
        return 0;
    (void)ini_problem(u->ini, at, "no event has the type \"%.*s\"; allowed are the beginnings of",
                      (int)(item.n < 64 ? item.n : 64), item.p);
    for (int i = 0; i < EVENT_TYPE_N; i++)
        (void)buf_addf(u->ini->problem, " %s", event_type_text((enum event_type)i));
    return -EINVAL;
}

/* A name is taken as it is written: a pattern would match nothing, in silence. */
static int check_session(const void *ctx, struct str item, const char *at)
{
    const struct use *u = ctx;

    if (!memchr(item.p, '*', item.n))
        return 0;
    return ini_problem(u->ini, at,
                       "\"%.*s\": sessions are names, not patterns; leave the key out for all of them",
                       (int)(item.n < 64 ? item.n : 64), item.p);
}

static int set_key_types(const struct use *u, const char *value)
{
    return event_filter_list_read(&u->d->filter.types, u->ini, u->at, value, EVENT_FILTER_ITEMS_MAX,
                                  check_type, u);
}

static int set_key_sessions(const struct use *u, const char *value)
{
    return event_filter_list_read(&u->d->filter.sessions, u->ini, u->at, value, EVENT_FILTER_ITEMS_MAX,
                                  check_session, u);
}

static int set_key_bridge(const struct use *u, const char *value)
{
    if (!text_is_id(str_from(value)))
        return ini_problem(u->ini, u->at,
                           "\"%s\" is no name of a bridge; allowed are 1 to 64 of A-Z a-z 0-9 _ -", value);
    return mem_replace(text_field(u), value);
}

static int set_key_body(const struct use *u, const char *value)
{
    u->d->event_body = strcmp(value, "event") == 0;
    return u->d->event_body || strcmp(value, "raw") == 0 ? 0 : not_allowed(u, value);
}

static int set_key_number(const struct use *u, const char *value)
{
    int64_t n;

    if (text_to_i64(value, &n) != 0 || n < u->key->min || n > u->key->max)
        return ini_problem(u->ini, u->at, "\"%s\" is not allowed here; allowed is %lld to %lld", value,
                           (long long)u->key->min, (long long)u->key->max);
    *number_field(u) = n;
    return 0;
}

static int set_key_duration(const struct use *u, const char *value)
{
    char min[32], max[32];
    int64_t ms;

    if (text_to_duration_ms(value, &ms) != 0 || ms < u->key->min || ms > u->key->max)
        return ini_problem(u->ini, u->at, "\"%s\" is not allowed here; allowed is %s to %s", value,
                           text_duration(u->key->min, min, sizeof min),
                           text_duration(u->key->max, max, sizeof max));
    *number_field(u) = ms;
    return 0;
}

static int set_key_file(const struct use *u, const char *value)
{
    int r = set_readable_file(text_field(u), value);

    return r == 0 || r == -ENOMEM ? r : ini_problem(u->ini, u->at, "cannot read %s: %s", value, err_text(r));
}

static int set_key_private(const struct use *u, const char *value)
{
    return text_to_bool(value, &u->d->allow_private) == 0
               ? 0
               : ini_problem(u->ini, u->at, "\"%s\" is neither yes nor no", value);
}

static int set_key_from(const struct use *u, const char *value)
{
    return set_from(u->d, value) == 0 ? 0 : not_allowed(u, value);
}

static int set_key_schedule(const struct use *u, const char *value)
{
    CLEANUP(buf_fini) struct buf detail = BUF_INIT(1024);

    return delivery_schedule_parse(value, &u->d->schedule, &detail) == 0
               ? 0
               : ini_problem(u->ini, u->at, "\"%s\": %s", value, buf_str(&detail));
}

static int set_key_proxy(const struct use *u, const char *value)
{
    struct url url;

    if (url_parse(value, &url) != 0 || url.https)
        return not_allowed(u, value);
    return mem_replace(text_field(u), value);
}

#define AT(field) offsetof(struct destination_config, field)
/* clang-format off */
static const struct key keys[] = {
    { "url", set_key_url, 0, 0, 0, NULL },
    { "token", set_key_text, AT(token), 0, 0, NULL },
    { "token_file", set_key_text_file, AT(token), 0, 0, NULL },
    { "secret", set_key_secret, AT(secret), 0, 0, NULL },
    { "secret_file", set_key_secret_file, AT(secret), 0, 0, NULL },
    { "types", set_key_types, AT(filter.types), 0, 0, NULL },
    { "sessions", set_key_sessions, AT(filter.sessions), 0, 0, NULL },
    { "bridge", set_key_bridge, AT(bridge), 0, 0, NULL },
    { "from", set_key_from, 0, 0, 0, FROM_ALLOWED },
    { "body", set_key_body, 0, 0, 0, "raw and event" },
    { "concurrency", set_key_number, AT(concurrency), 1, FORWARD_CONCURRENCY_MAX, NULL },
    { "timeout", set_key_duration, AT(timeout_ms), FORWARD_TIMEOUT_MIN_MS, FORWARD_TIMEOUT_MAX_MS, NULL },
    { "retry_schedule", set_key_schedule, 0, 0, 0, NULL },
    { "batch", set_key_number, AT(batch), 1, FORWARD_BATCH_MAX, NULL },
    { "batch_wait", set_key_duration, AT(batch_wait_ms), 0, FORWARD_BATCH_WAIT_MAX_MS, NULL },
    { "allow_private", set_key_private, 0, 0, 0, NULL },
    { "ca", set_key_file, AT(ca), 0, 0, NULL },
    { "client_cert", set_key_file, AT(client_cert), 0, 0, NULL },
    { "client_key", set_key_file, AT(client_key), 0, 0, NULL },
    { "proxy", set_key_proxy, AT(proxy), 0, 0, "http://HOST:PORT" },
};
/* clang-format on */
_Static_assert(ARRAY_LEN(keys) <= 8 * sizeof(unsigned), "given has a bit for each");

/* ---- header.NAME and header.NAME_file -------------------------------------------------------- */

#define HEADER_PREFIX     "header."
#define HEADER_FILE       "_file"
#define HEADERS_BYTES_MAX 4096

/* These are made here: another of the same name would contradict them. */
static bool is_ours(struct str name)
{
    static const char *const names[] = { "content-type",      "content-length", "host",         "connection",
                                         "transfer-encoding", "expect",         "authorization" };
    static const char *const prefixes[] = { "webhook-", "zapkeep-" };

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (name.n == strlen(names[i]) && strncasecmp(name.p, names[i], name.n) == 0)
            return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
        if (name.n >= strlen(prefixes[i]) && strncasecmp(name.p, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    }
    return false;
}

static bool is_token(struct str name)
{
    for (size_t i = 0; i < name.n; i++) {
        if (!isalnum((unsigned char)name.p[i]) && name.p[i] != '-' && name.p[i] != '_')
            return false;
    }
    return name.n > 0;
}

static int set_header(const struct use *u, struct str name, const char *value)
{
    char line[INI_VALUE_MAX] = "";
    bool from_file = name.n > sizeof HEADER_FILE - 1 && memcmp(name.p + name.n - (sizeof HEADER_FILE - 1),
                                                               HEADER_FILE, sizeof HEADER_FILE - 1) == 0;
    int r = from_file ? ini_secret_file(u->ini, u->at, value, line) : 0;

    if (r != 0)
        return r;
    name.n -= from_file ? sizeof HEADER_FILE - 1 : 0;
    if (!is_token(name) || is_ours(name))
        return ini_problem(u->ini, name.p,
                           "\"%.*s\" cannot be set here: it is no name of a header, or zapkeep sets it",
                           (int)(name.n < 64 ? name.n : 64), name.p);
    for (const char *p = from_file ? line : value; *p; p++) {
        if (iscntrl((unsigned char)*p))
            return ini_problem(u->ini, u->at, "a control character in the value");
    }
    r = buf_addf(&u->d->headers, "%.*s: %s\n", (int)name.n, name.p, from_file ? line : value);
    return r == -EMSGSIZE ? ini_problem(u->ini, u->at, "more than %d bytes of headers", HEADERS_BYTES_MAX)
                          : r;
}

static int unknown_key(struct ini *ini, struct str name, const char *at)
{
    (void)ini_problem(ini, at, "unknown key \"%.*s\"; allowed are ", (int)(name.n < 64 ? name.n : 64),
                      name.p);
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        (void)buf_addf(ini->problem, "%s%s", i ? ", " : "", keys[i].name);
    (void)buf_adds(ini->problem, ", header.NAME, header.NAME_file");
    return -EINVAL;
}

int destination_config_key(struct destination_config *d, struct ini *ini, struct str name, const char *value,
                           const char *at)
{
    struct use u = { .d = d, .ini = ini, .at = at };
    size_t i = 0;

    if (str_starts(name, HEADER_PREFIX) && value && *value)
        return set_header(
            &u, (struct str){ name.p + sizeof HEADER_PREFIX - 1, name.n - (sizeof HEADER_PREFIX - 1) },
            value);
    while (i < ARRAY_LEN(keys) && !str_eq(name, keys[i].name))
        i++;
    if (i == ARRAY_LEN(keys))
        return unknown_key(ini, name, name.p);
    if (!value)
        return ini_problem(ini, at, "\"=\" and a value are missing");
    if (d->given & 1U << i)
        return ini_problem(ini, name.p, "%s is given twice", keys[i].name);
    if (!*value)
        return ini_problem(ini, at, "%s has no value", keys[i].name);
    d->given |= 1U << i;
    u.key = &keys[i];
    return keys[i].set(&u, value);
}

/* ---- a whole destination --------------------------------------------------------------------- */

void destination_config_free(struct destination_config *d)
{
    if (!d)
        return;
    mem_free(d->url);
    mem_free(d->token);
    mem_free(d->secret);
    mem_free(d->bridge);
    mem_free(d->ca);
    mem_free(d->client_cert);
    mem_free(d->client_key);
    mem_free(d->proxy);
    buf_fini(&d->headers);
    event_filter_fini(&d->filter);
    mem_free(d);
}

void destination_config_freep(struct destination_config **d)
{
    destination_config_free(*d);
}

int destination_config_new(const char *name, const struct forward_settings *s, struct buf *problem,
                           struct destination_config **ret)
{
    CLEANUP(destination_config_freep) struct destination_config *d = mem_zalloc(sizeof *d);
    CLEANUP(buf_fini) struct buf detail = BUF_INIT(1024);

    if (!d)
        return -ENOMEM;
    str_copy(str_from(name), d->name, sizeof d->name);
    d->headers = BUF_INIT(HEADERS_BYTES_MAX);
    d->concurrency = s->concurrency;
    d->timeout_ms = s->timeout_ms;
    d->batch = s->batch;
    d->batch_wait_ms = s->batch_wait_ms;
    d->event_body = strcmp(s->body, "event") == 0;
    if (delivery_schedule_parse(s->schedule, &d->schedule, &detail) != 0) {
        (void)buf_addf(problem, "FORWARD_RETRY_SCHEDULE is \"%s\": %s", s->schedule, buf_str(&detail));
        return -EINVAL;
    }
    if (set_from(d, s->from) != 0) {
        (void)buf_addf(problem, "FORWARD_FROM is \"%s\"; allowed is " FROM_ALLOWED, s->from);
        return -EINVAL;
    }
    *ret = TAKE(d);
    return 0;
}

int destination_config_settle(struct destination_config *d, struct buf *problem)
{
    int r = d->token ? 0 : mem_replace(&d->token, "");

    if (r == 0 && !d->secret)
        r = mem_replace(&d->secret, "");
    if (r == 0 && !d->ca)
        r = mem_replace(&d->ca, "");
    if (r == 0)
        r = delivery_secrets(d->secret, &d->target.secrets, problem);
    d->filter.bridge = d->bridge;
    d->peer = (struct http_client_peer){ d->ca, d->client_cert, d->client_key, d->proxy };
    d->target.headers = d->headers.len ? buf_str(&d->headers) : NULL;
    d->target.url = d->url;
    d->target.token = d->token;
    d->target.event_body = d->event_body;
    return r;
}

static int set_backend(struct destination_config *d, const struct forward_settings *s, struct buf *problem)
{
    int r = set_url(d, s->url);

    if (r == 0)
        r = mem_replace(&d->token, s->token);
    if (r == 0)
        r = mem_replace(&d->secret, s->secret);
    if (r != 0)
        return r;
    r = set_readable_file(&d->ca, s->ca);
    if (r != 0 && r != -ENOMEM) {
        (void)buf_addf(problem, "FORWARD_CA: cannot read %s: %s", s->ca, err_text(r));
        return -EINVAL;
    }
    d->allow_private = true; /* an operator wrote this URL */
    return r;
}

int destination_config_backend(const struct forward_settings *s, struct buf *problem,
                               struct destination_config **ret)
{
    CLEANUP(destination_config_freep) struct destination_config *d = NULL;
    int r = destination_config_new(BACKEND_NAME, s, problem, &d);

    if (r == 0)
        r = set_backend(d, s, problem);
    if (r != 0)
        return r;
    (void)buf_adds(problem, "FORWARD_SECRET ");
    r = destination_config_settle(d, problem);
    if (r != 0)
        return r;
    buf_reset(problem);
    *ret = TAKE(d);
    return 0;
}
