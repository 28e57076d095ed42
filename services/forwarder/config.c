#include "services/forwarder/config.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/err.h"
#include "common/base/json_in.h"
#include "common/base/mem.h"
#include "common/base/settings.h"

/* ---- building one ---------------------------------------------------------------------------- */

static void destination_free(struct destination_config *d)
{
    if (!d)
        return;
    mem_free(d->url);
    mem_free(d->token);
    mem_free(d->secret);
    mem_free(d->bridge);
    mem_free(d->ca);
    mem_free(d->types.text);
    mem_free(d->sessions.text);
    mem_free(d);
}

static void destination_freep(struct destination_config **d)
{
    destination_free(*d);
}

static int destination_new(const char *name, const struct forward_settings *s,
                           struct destination_config **ret)
{
    struct destination_config *d = mem_zalloc(sizeof *d);

    if (!d)
        return -ENOMEM;
    str_copy(str_from(name), d->name, sizeof d->name);
    d->concurrency = s->concurrency;
    d->timeout_ms = s->timeout_ms;
    d->batch = s->batch;
    d->batch_wait_ms = s->batch_wait_ms;
    d->event_body = strcmp(s->body, "event") == 0;
    *ret = d;
    return 0;
}

static int set_text(char **at, const char *value)
{
    char *copy = mem_strdup(value);

    if (!copy)
        return -ENOMEM;
    mem_free(*at);
    *at = copy;
    return 0;
}

static int set_url(struct destination_config *d, const char *value)
{
    CLEANUP(buf_fini) struct buf url = BUF_INIT(SETTINGS_VALUE_MAX + 64);
    int r = delivery_url(value, &url);

    return r == 0 ? set_text(&d->url, buf_str(&url)) : r;
}

/* Can it be read? What is in it, only a connection tells. Returns 0 or -errno. */
static int set_ca(struct destination_config *d, const char *file)
{
    return *file && access(file, R_OK) != 0 ? -errno : set_text(&d->ca, file);
}

/* What is complete gets its target. -EINVAL: the secret makes no sense. */
static int settle(struct destination_config *d, struct buf *problem)
{
    int r = d->token ? 0 : set_text(&d->token, "");

    if (r == 0 && !d->secret)
        r = set_text(&d->secret, "");
    if (r == 0 && !d->bridge)
        r = set_text(&d->bridge, "");
    if (r == 0 && !d->ca)
        r = set_text(&d->ca, "");
    if (r == 0)
        r = delivery_secrets(d->secret, &d->target.secrets, problem);
    d->target.url = d->url;
    d->target.token = d->token;
    d->target.event_body = d->event_body;
    return r;
}

int config_add_backend(struct config *c, const struct forward_settings *s, struct buf *problem)
{
    CLEANUP(destination_freep) struct destination_config *d = NULL;
    int r = destination_new(BACKEND_NAME, s, &d);

    if (r == 0)
        r = set_url(d, s->url);
    if (r == 0)
        r = set_text(&d->token, s->token);
    if (r == 0)
        r = set_text(&d->secret, s->secret);
    if (r != 0)
        return r;
    r = set_ca(d, s->ca);
    if (r != 0 && r != -ENOMEM) {
        (void)buf_addf(problem, "FORWARD_CA: cannot read %s: %s", s->ca, err_text(r));
        return -EINVAL;
    }
    if (r != 0)
        return r;
    d->allow_private = true; /* given by hand */
    (void)buf_adds(problem, "FORWARD_SECRET ");
    r = settle(d, problem);
    if (r != 0)
        return r;
    buf_reset(problem);
    c->at[c->n++] = TAKE(d);
    return 0;
}

/* ---- the file: a cursor over it -------------------------------------------------------------- */

struct parse {
    struct config *config;
    const struct forward_settings *defaults;
    const char *file;
    struct buf *problem;
    const char *line;             /* of the text, not terminated */
    int line_n;                   /* its number, from 1 */
    struct destination_config *d; /* of the section we are in */
    unsigned given;               /* keys of it, bits by row of the table */
};

static int problem_at(struct parse *p, const char *at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static int problem_at(struct parse *p, const char *at, const char *fmt, ...)
{
    va_list ap;

    (void)buf_addf(p->problem, "%s:%d:%d: ", p->file, p->line_n, at ? (int)(at - p->line) + 1 : 1);
    va_start(ap, fmt);
    (void)buf_vaddf(p->problem, fmt, ap);
    va_end(ap);
    return -EINVAL;
}

static struct str trim(struct str s)
{
    while (s.n > 0 && isspace((unsigned char)s.p[0]))
        s = (struct str){ s.p + 1, s.n - 1 };
    while (s.n > 0 && isspace((unsigned char)s.p[s.n - 1]))
        s.n--;
    return s;
}

/* ---- values ---------------------------------------------------------------------------------- */

/* Sets what a key says; @value ends with a NUL, @at is where it stands in the line. */
typedef int (*set_fn)(struct parse *p, const char *value, const char *at);

static int key_url(struct parse *p, const char *value, const char *at)
{
    return set_url(p->d, value) == -EINVAL
               ? problem_at(p, at, "\"%s\" is no URL; allowed is http:// or https:// and a host", value)
               : 0;
}

static int key_token(struct parse *p, const char *value, const char *at)
{
    return set_text(&p->d->token, value);
}

static int key_secret(struct parse *p, const char *value, const char *at)
{
    CLEANUP(buf_fini) struct buf detail = BUF_INIT(1024);
    struct tokens t;

    if (delivery_secrets(value, &t, &detail) != 0)
        return problem_at(p, at, "the secret %s", buf_str(&detail));
    return set_text(&p->d->secret, value);
}

/* The first line of a file, as NAME_FILE of a setting. */
static int read_line(struct parse *p, const char *path, const char *at, char *ret, size_t n)
{
    FILE *f = fopen(path, "re");

    if (!f)
        return problem_at(p, at, "cannot read %s: %s", path, err_text(-errno));
    if (!fgets(ret, (int)n, f))
        *ret = '\0';
    (void)fclose(f);
    ret[strcspn(ret, "\r\n")] = '\0';
    return *ret ? 0 : problem_at(p, at, "%s is empty; its first line has to be the value", path);
}

static int key_token_file(struct parse *p, const char *value, const char *at)
{
    char line[SETTINGS_VALUE_MAX];
    int r = read_line(p, value, at, line, sizeof line);

    return r == 0 ? key_token(p, line, at) : r;
}

static int key_secret_file(struct parse *p, const char *value, const char *at)
{
    char line[SETTINGS_VALUE_MAX];
    int r = read_line(p, value, at, line, sizeof line);

    return r == 0 ? key_secret(p, line, at) : r;
}

static int set_list(struct parse *p, struct config_list *list, const char *value, const char *at)
{
    int r = set_text(&list->text, value);
    struct str rest = str_from(list->text);

    list->n = 0;
    while (r == 0 && rest.p) {
        const char *comma = memchr(rest.p, ',', rest.n);
        struct str item = trim((struct str){ rest.p, comma ? (size_t)(comma - rest.p) : rest.n });

        if (item.n == 0)
            return problem_at(p, at + (item.p - list->text), "nothing between two commas");
        if (list->n == CONFIG_LIST_MAX)
            return problem_at(p, at + (item.p - list->text), "more than %d in a list", CONFIG_LIST_MAX);
        list->item[list->n++] = item;
        rest = comma ? (struct str){ comma + 1, rest.n - (size_t)(comma + 1 - rest.p) } : STR_NULL;
    }
    return r;
}

static int key_types(struct parse *p, const char *value, const char *at)
{
    return set_list(p, &p->d->types, value, at);
}

static int key_sessions(struct parse *p, const char *value, const char *at)
{
    return set_list(p, &p->d->sessions, value, at);
}

static int key_bridge(struct parse *p, const char *value, const char *at)
{
    if (!text_is_id(str_from(value)))
        return problem_at(p, at, "\"%s\" is no name of a bridge; allowed are 1 to 64 of A-Z a-z 0-9 _ -",
                          value);
    return set_text(&p->d->bridge, value);
}

static int key_body(struct parse *p, const char *value, const char *at)
{
    p->d->event_body = strcmp(value, "event") == 0;
    if (!p->d->event_body && strcmp(value, "raw") != 0)
        return problem_at(p, at, "\"%s\" is no body; allowed are raw and event", value);
    return 0;
}

static int set_number(struct parse *p, const char *value, const char *at, int64_t max, int64_t *ret)
{
    int64_t n;

    if (text_to_i64(value, &n) != 0 || n < 1 || n > max)
        return problem_at(p, at, "\"%s\" is not allowed here; allowed is 1 to %lld", value, (long long)max);
    *ret = n;
    return 0;
}

static int key_concurrency(struct parse *p, const char *value, const char *at)
{
    return set_number(p, value, at, FORWARD_CONCURRENCY_MAX, &p->d->concurrency);
}

static int key_batch(struct parse *p, const char *value, const char *at)
{
    return set_number(p, value, at, FORWARD_BATCH_MAX, &p->d->batch);
}

static int set_duration(struct parse *p, const char *value, const char *at, int64_t min, int64_t max,
                        const char *allowed, int64_t *ret)
{
    int64_t ms;

    if (text_to_duration_ms(value, &ms) != 0 || ms < min || ms > max)
        return problem_at(p, at, "\"%s\" is not allowed here; allowed is %s", value, allowed);
    *ret = ms;
    return 0;
}

static int key_timeout(struct parse *p, const char *value, const char *at)
{
    return set_duration(p, value, at, 50, 600000, "50ms to 10m", &p->d->timeout_ms);
}

static int key_batch_wait(struct parse *p, const char *value, const char *at)
{
    return set_duration(p, value, at, 0, 60000, "0ms to 60s", &p->d->batch_wait_ms);
}

static int key_ca(struct parse *p, const char *value, const char *at)
{
    int r = set_ca(p->d, value);

    return r == 0 || r == -ENOMEM ? r : problem_at(p, at, "cannot read %s: %s", value, err_text(r));
}

static int key_allow_private(struct parse *p, const char *value, const char *at)
{
    return text_to_bool(value, &p->d->allow_private) == 0
               ? 0
               : problem_at(p, at, "\"%s\" is neither yes nor no", value);
}

static const struct key {
    const char *name;
    set_fn set;
} keys[] = {
    { "url", key_url },
    { "token", key_token },
    { "token_file", key_token_file },
    { "secret", key_secret },
    { "secret_file", key_secret_file },
    { "types", key_types },
    { "sessions", key_sessions },
    { "bridge", key_bridge },
    { "body", key_body },
    { "concurrency", key_concurrency },
    { "timeout", key_timeout },
    { "batch", key_batch },
    { "batch_wait", key_batch_wait },
    { "allow_private", key_allow_private },
    { "ca", key_ca },
};
#define KEYS_WORDS                                                                                       \
    "url, token, token_file, secret, secret_file, types, sessions, bridge, body, concurrency, timeout, " \
    "batch,"                                                                                             \
    " batch_wait, allow_private, ca"

/* ---- lines ----------------------------------------------------------------------------------- */

static int end_section(struct parse *p)
{
    struct destination_config *d = p->d;
    int r;

    if (!d)
        return 0;
    if (!d->url) {
        p->line_n = d->line;
        return problem_at(p, NULL, "[destination %s] has no url", d->name);
    }
    r = settle(d, p->problem);
    if (r != 0)
        return r;
    p->config->at[p->config->n++] = TAKE(p->d);
    return 0;
}

static bool is_taken(const struct parse *p, const char *name)
{
    for (int i = 0; i < p->config->n; i++) {
        if (strcmp(p->config->at[i]->name, name) == 0)
            return true;
    }
    return false;
}

static int begin_section(struct parse *p, struct str line)
{
    static const char word[] = "destination";
    struct str inside = { line.p + 1, line.n - 1 };
    char name[FORWARD_NAME_MAX];
    int r = end_section(p);

    if (r != 0)
        return r;
    if (line.p[line.n - 1] != ']')
        return problem_at(p, line.p + line.n, "a section ends with ]");
    inside = trim((struct str){ inside.p, inside.n - 1 });
    if (!str_starts(inside, word) ||
        (inside.n >= sizeof word && !isspace((unsigned char)inside.p[sizeof word - 1])))
        return problem_at(p, inside.p, "unknown section; allowed is [destination NAME]");
    inside = trim((struct str){ inside.p + sizeof word - 1, inside.n - (sizeof word - 1) });
    if (!text_is_id(inside))
        return problem_at(p, inside.p, "a destination needs a name of 1 to 64 of A-Z a-z 0-9 _ -");
    str_copy(inside, name, sizeof name);
    if (is_taken(p, name))
        return problem_at(p, inside.p, "there is a destination %s already%s", name,
                          strcmp(name, BACKEND_NAME) == 0 ? " (BACKEND_URL makes it)" : "");
    if (p->config->n == DESTINATIONS_MAX)
        return problem_at(p, line.p, "more than %d destinations", DESTINATIONS_MAX);
    r = destination_new(name, p->defaults, &p->d);
    if (r == 0)
        p->d->line = p->line_n;
    p->given = 0;
    return r;
}

static const struct key *find_key(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (str_eq(name, keys[i].name))
            return &keys[i];
    }
    return NULL;
}

static int take_key(struct parse *p, struct str line)
{
    const char *equals = memchr(line.p, '=', line.n);
    struct str name = trim((struct str){ line.p, equals ? (size_t)(equals - line.p) : line.n });
    const struct key *key = find_key(name);
    char value[SETTINGS_VALUE_MAX];
    struct str v;

    if (!p->d)
        return problem_at(p, line.p, "a key outside of a section; begin with [destination NAME]");
    if (!key)
        return problem_at(p, line.p, "unknown key \"%.*s\"; allowed are " KEYS_WORDS,
                          (int)(name.n < 64 ? name.n : 64), name.p);
    if (!equals)
        return problem_at(p, line.p + line.n, "\"=\" and a value are missing");
    if (p->given & 1U << (key - keys))
        return problem_at(p, line.p, "%s is given twice", key->name);
    p->given |= 1U << (key - keys);
    v = trim((struct str){ equals + 1, line.n - (size_t)(equals + 1 - line.p) });
    if (v.n == 0 || v.n >= sizeof value)
        return problem_at(p, equals + 1, "%s has %s", key->name,
                          v.n ? "a value that is too long" : "no value");
    for (size_t i = 0; i < v.n; i++) {
        if (iscntrl((unsigned char)v.p[i]))
            return problem_at(p, v.p + i, "a control character");
    }
    str_copy(v, value, sizeof value);
    return key->set(p, value, v.p);
}

/* A comment begins the line, or has white space before it: a URL may hold a '#'. */
static struct str without_comment(struct str line)
{
    for (size_t i = 0; i < line.n; i++) {
        if (line.p[i] == '#' && (i == 0 || isspace((unsigned char)line.p[i - 1])))
            return (struct str){ line.p, i };
    }
    return line;
}

static int take_line(struct parse *p, struct str line)
{
    struct str s = trim(without_comment(line));

    p->line = line.p;
    p->line_n++;
    if (s.n == 0)
        return 0;
    return s.p[0] == '[' ? begin_section(p, s) : take_key(p, s);
}

int config_parse(struct config *c, const struct forward_settings *defaults, const char *file, struct str text,
                 struct buf *problem)
{
    struct parse p = { .config = c, .defaults = defaults, .file = file, .problem = problem };
    int before = c->n;
    int r = 0;

    while (r == 0 && text.n > 0) {
        const char *end = memchr(text.p, '\n', text.n);
        size_t n = end ? (size_t)(end - text.p) : text.n;

        r = take_line(&p, (struct str){ text.p, n });
        n += end != NULL;
        text = (struct str){ text.p + n, text.n - n };
    }
    if (r == 0)
        r = end_section(&p);
    if (r == 0 && c->n == before) {
        p.line_n++;
        r = problem_at(&p, NULL, "there is no destination in it; allowed are [destination NAME] sections");
    }
    destination_free(p.d);
    return r;
}

int config_read(struct config *c, const struct forward_settings *defaults, const char *file,
                struct buf *problem)
{
    CLEANUP(buf_fini) struct buf text = BUF_INIT(CONFIG_BYTES_MAX);
    char chunk[4096];
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : 0;

    while (fd >= 0 && (n = read(fd, chunk, sizeof chunk)) > 0 && buf_add(&text, chunk, (size_t)n) == 0)
        ;
    if (n < 0)
        (void)buf_addf(problem, "FORWARD_CONFIG: cannot read %s: %s", file, err_text(-errno));
    if (fd >= 0)
        (void)close(fd);
    if (n < 0)
        return -EINVAL;
    if (buf_error(&text) == -EMSGSIZE) {
        (void)buf_addf(problem, "FORWARD_CONFIG: %s is longer than %d bytes", file, CONFIG_BYTES_MAX);
        return -EINVAL;
    }
    return config_parse(c, defaults, file, (struct str){ buf_str(&text), text.len }, problem);
}

void config_fini(struct config *c)
{
    while (c->n > 0)
        destination_free(c->at[--c->n]);
}

/* ---- filtering ------------------------------------------------------------------------------- */

#define PROBE_TYPE "zapkeep.probe"

/* The event that `zapkeep doctor` sends through the chain: of no interest to a backend. */
static bool is_probe(const struct event *e)
{
    static const struct json_path path = { 0, { "eventType" } };
    struct json_value value;

    return str_eq(e->type, "event.other") &&
           memmem(e->body.p, e->body.n, PROBE_TYPE, sizeof PROBE_TYPE - 1) != NULL &&
           json_in_find(e->body, &path, 1, &value) == 0 && json_in_is(value, PROBE_TYPE);
}

static bool is_same(struct str a, struct str b)
{
    return a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
}

static bool has_prefix(struct str s, struct str prefix)
{
    return s.n >= prefix.n && memcmp(s.p, prefix.p, prefix.n) == 0;
}

static bool is_listed(const struct config_list *list, struct str s,
                      bool (*match)(struct str s, struct str item))
{
    for (int i = 0; i < list->n; i++) {
        if (match(s, list->item[i]))
            return true;
    }
    return list->n == 0;
}

bool config_wants(const struct destination_config *d, const struct event *e)
{
    return is_listed(&d->types, e->type, has_prefix) && is_listed(&d->sessions, e->session, is_same) &&
           (!d->bridge[0] || str_eq(e->bridge, d->bridge)) && !is_probe(e);
}
