#include "services/webhook-ingest/source.h"

#include <errno.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/metrics.h"
#include "common/bridge/drivers.h"

struct sources {
    const struct ingest_settings *settings;
    struct bridge_set set;
    struct source source[BRIDGES_MAX]; /* of set.settings */
    struct source other;               /* without a file: any other name */
};

/* ---- settings -------------------------------------------------------------------------------- */

static int parse_tokens(const char *name, const char *text, struct buf *problem, struct tokens *ret)
{
    int r = *text ? tokens_parse(text, ret) : 0;

    if (r == -EKEYREJECTED)
        (void)buf_addf(problem,
                       "%s has a whsec_ key that is not base64 of at least 24 bytes; make one: "
                       "echo whsec_$(openssl rand -base64 32)",
                       name);
    else if (r == -E2BIG)
        (void)buf_addf(problem,
                       "%s has more than two tokens; two are for rotation, the "
                       "new one and the old one, comma-separated",
                       name);
    else if (r != 0)
        (void)buf_addf(problem, "%s has an empty token beside a comma", name);
    return r == 0 ? 0 : -EINVAL;
}

static int check_one(void *settings, struct buf *problem)
{
    const struct ingest_settings *s = settings;
    struct tokens t;

    return parse_tokens("WEBHOOK_AUTH_TOKEN", s->token, problem, &t) != 0 ||
                   parse_tokens("WEBHOOK_SECRET", s->secret, problem, &t) != 0
               ? -EINVAL
               : 0;
}

static const struct bridge_set_spec spec = { .table = ingest_settings_table,
                                             .bytes = sizeof(struct ingest_settings),
                                             .bridge_at = offsetof(struct ingest_settings, bridge),
                                             .check = check_one };

/* ---- one bridge ------------------------------------------------------------------------------ */

/* A signature made with the token proves no less than the token: with "auto" those of every driver count. */
static void choose_driver(struct source *s, const char *driver)
{
    const struct bridge_driver *only = bridge_driver_find(driver);
    int n = 0;

    s->driver = only;
    for (int i = 0; bridge_driver_at(i); i++) {
        const struct bridge_driver *d = bridge_driver_at(i);

        for (const int *scheme = d->signatures; scheme && *scheme && (!only || d == only); scheme++)
            if (n < SOURCE_SCHEMES_MAX - 1)
                s->schemes[n++] = *scheme;
    }
    s->schemes[n] = 0;
}

static struct source make(const struct ingest_settings *s)
{
    struct source ret = { .bridge = s->bridge.name, .metrics = metrics_bridge(s->bridge.name) };
    CLEANUP(buf_fini) struct buf problem = BUF_INIT(SETTINGS_VALUE_MAX);

    (void)parse_tokens("WEBHOOK_AUTH_TOKEN", s->token, &problem, &ret.tokens); /* checked before */
    (void)parse_tokens("WEBHOOK_SECRET", s->secret, &problem, &ret.secrets);
    ret.must_be_signed = ret.secrets.n > 0 && ret.tokens.n == 0;
    if (ret.secrets.n == 0)
        ret.secrets = ret.tokens;
    choose_driver(&ret, s->bridge.driver);
    if (ret.secrets.n == 0)
        log_warn("webhook-open",
                 "WEBHOOK_AUTH_TOKEN is empty: anybody who can reach this port can put webhooks into the log",
                 KS("bridge", ret.bridge));
    return ret;
}

static void make_all(struct sources *s)
{
    for (int i = 0; i < s->set.n; i++)
        s->source[i] = make(s->set.settings[i]);
    s->other = s->source[0];
    s->other.bridge = NULL;
    s->other.schemes[0] = 0; /* a signature proves something only for the bridge whose key it was made with */
}

/* ---- all of them ----------------------------------------------------------------------------- */

const struct source *sources_find(const struct sources *s, struct str bridge)
{
    for (int i = 0; i < s->set.n; i++) {
        if (str_eq(bridge, s->source[i].bridge))
            return &s->source[i];
    }
    return s->set.config.n == 0 && bridge.p ? &s->other : NULL;
}

bool sources_name(const struct sources *s, struct str bridge)
{
    const struct source *source = sources_find(s, bridge);

    return source && source->bridge;
}

bool sources_know(const struct sources *s, const struct webhook_request *headers, struct str query)
{
    for (int i = 0; i < s->set.n; i++) {
        const struct tokens *t = &s->source[i].tokens;

        if (t->n > 0 && auth_check(t, NULL, headers, query, 0) == 0)
            return true;
    }
    return false;
}

struct str sources_default(const struct sources *s)
{
    return str_from(s->source[0].bridge);
}

int sources_open(const struct ingest_settings *settings, struct buf *problem, struct sources **ret)
{
    struct sources *s = mem_zalloc(sizeof *s);
    int r;

    if (!s)
        return -ENOMEM;
    s->settings = settings;
    r = bridge_set_read(&spec, settings, problem, &s->set);
    if (r != 0) {
        mem_free(s);
        return r;
    }
    make_all(s);
    *ret = s;
    return 0;
}

void sources_close(struct sources *s)
{
    if (!s)
        return;
    bridge_set_fini(&s->set);
    mem_free(s);
}

void sources_reload(struct sources *s)
{
    CLEANUP(buf_fini) struct buf problem = BUF_INIT(SETTINGS_VALUE_MAX * 2);
    struct bridge_set next = { 0 };
    int r = *s->settings->bridge.file ? bridge_set_read(&spec, s->settings, &problem, &next) : 1;

    if (r > 0)
        return;
    if (r != 0) {
        log_error("reload-refused", "the file of bridges has an error; nothing is changed",
                  KS("error", r == -EINVAL ? buf_str(&problem) : err_text(r)));
        return;
    }
    for (int i = 0; i < s->set.n; i++)
        if (bridge_set_find(&next, str_from(s->source[i].bridge)) < 0)
            metrics_bridge_end(s->source[i].bridge);
    bridge_set_fini(&s->set);
    s->set = next;
    make_all(s);
    log_info("reloaded", "the file of bridges was read anew", KI("bridges", s->set.n));
}
