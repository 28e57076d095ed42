/*
 * Each driver classifies the answers to its own probes alone. The first driver of the table that is sure is taken as soon
 * as those before it have their answers; at the end a fallback counts, then the reasons for finding none.
 */
#include "common/bridge/detect.h"
#include "common/bridge/drivers.h"

#include <string.h>

#include "common/base/mem.h"
#include "common/bridge/answer.h"
#include "common/bridge/request.h"
#include "common/bridge/sessions_api.h"

static struct detection_probe *find_probe(struct detection *d, const char *path,
                                          const struct bridge_driver *driver)
{
    for (int i = 0; i < d->n; i++) {
        struct detection_probe *p = &d->probe[i];

        if (strcmp(p->path, path) == 0 && strcmp(p->driver->key_header, driver->key_header) == 0 &&
            p->driver->make_key == driver->make_key)
            return p;
    }
    return NULL;
}

void detection_init(struct detection *ret)
{
    const struct bridge_driver *driver;

    *ret = DETECTION_NULL;
    for (int i = 0; (driver = bridge_driver_at(i)); i++) {
        for (const char *const *path = driver->probes; *path && ret->n < DETECTION_PROBES_MAX; path++) {
            if (find_probe(ret, *path, driver))
                continue;
            ret->probe[ret->n] = (struct detection_probe){ .path = *path, .driver = driver };
            buf_init(&ret->probe[ret->n++].body, DETECTION_KEPT_BYTES);
        }
    }
}

void detection_fini(struct detection *d)
{
    for (int i = 0; i < d->n; i++)
        buf_fini(&d->probe[i].body);
    *d = DETECTION_NULL;
}

int detection_build(const struct detection *d, const struct bridge_target *t, struct bridge_request *ret)
{
    const struct detection_probe *p = &d->probe[d->next];

    return bridge_build_path(p->driver, &(const struct bridge_path){ "GET", p->path }, t, NULL, NULL, ret);
}

static int keep(struct detection_probe *p, const struct bridge_answer *a)
{
    int r = a->body.n ? buf_add(&p->body, a->body.p, a->body.n) : 0;

    p->answered = r == 0;
    p->answer = (struct bridge_answer){ .status = a->status, .body = { buf_str(&p->body), p->body.len } };
    return r;
}

/* -1: not all of its probes have been answered. */
static int verdict_of(struct detection *d, const struct bridge_driver *driver)
{
    struct bridge_answer answers[BRIDGE_PROBES_MAX] = { 0 };

    for (int i = 0; driver->probes[i]; i++) {
        const struct detection_probe *p = find_probe(d, driver->probes[i], driver);

        if (!p || !p->answered)
            return -1;
        answers[i] = p->answer;
    }
    return driver->probes[0] ? (int)driver->recognise(answers) : PROBE_NO;
}

/* The first driver that is sure, if all before it have their answers. */
static const struct bridge_driver *find_sure(struct detection *d)
{
    const struct bridge_driver *driver;

    for (int i = 0; (driver = bridge_driver_at(i)); i++) {
        int verdict = verdict_of(d, driver);

        if (verdict == PROBE_YES)
            return driver;
        if (verdict < 0)
            return NULL;
    }
    return NULL;
}

static int decide(struct detection *d, const struct bridge_driver **ret)
{
    bool refused = false, later = false;
    const struct bridge_driver *driver;

    for (int i = 0; (driver = bridge_driver_at(i)); i++) {
        int verdict = verdict_of(d, driver);

        if (verdict == PROBE_FALLBACK) {
            *ret = driver;
            return 0;
        }
        refused = refused || verdict == PROBE_UNAUTHORIZED;
        later = later || verdict == PROBE_NOT_YET;
    }
    return refused ? DETECT_UNAUTHORIZED : later ? DETECT_NOT_YET : DETECT_UNKNOWN;
}

int detection_take(struct detection *d, const struct bridge_answer *a, const struct bridge_driver **ret)
{
    const struct bridge_driver *sure;
    int r = keep(&d->probe[d->next], a);

    if (r)
        return r;
    d->next++;
    if (a->status == 0) /* nobody is there: the other probes would wait as long */
        return DETECT_NOT_YET;
    sure = find_sure(d);
    if (sure) {
        *ret = sure;
        return 0;
    }
    return d->next < d->n ? DETECT_MORE : decide(d, ret);
}

const struct detection_probe *detection_reason(const struct detection *d)
{
    for (int i = 0; i < d->next; i++) {
        if (answer_status(&d->probe[i].answer) == BRIDGE_UNAUTHORIZED)
            return &d->probe[i];
    }
    return &d->probe[0];
}

int detect_build_health(const struct bridge_target *t, struct bridge_request *ret)
{
    return request_build(SESSIONS_KEY_HEADER, t->api_key, t, "GET", "/health", NULL, ret);
}

int detect_read_health(const struct bridge_answer *a)
{
    int kind = answer_status(a);

    if (kind == 0)
        return answer_read_health(a);
    return kind == BRIDGE_NO_ANSWER || kind == BRIDGE_BROKEN || kind == BRIDGE_GARBAGE ? kind : 0;
}
