/*
 * The contract that the integration was first written against, and zapw with zapkeep's extension:
 *
 *   POST /sessions {"id","webhook":{"url","events"}}
 *   GET  /sessions/:id/status
 *   POST /sessions/:id/reconnect
 *
 * Answers of it differ in their envelopes, so they are read generously; a list is taken in any shape that
 * holds one, and a bridge without a list says BRIDGE_NO_ROUTE.
 */
#include <string.h>

#include "common/base/json_in.h"
#include "common/base/json_out.h"
#include "common/base/mem.h"
#include "common/bridge/answer.h"
#include "common/bridge/drivers.h"
#include "common/bridge/sessions_api.h"
#include "common/bridge/signature.h"
#include "common/bridge/subscription.h"

/* -- requests -- */

static void put_create(struct json_out *j, const struct bridge_target *t, const char *id,
                       const struct subscription_want *hook)
{
    json_texts(j, "id", id);
    if (!hook)
        return;
    json_open(j, "webhook", '{');
    json_texts(j, "url", hook->url);
    json_open(j, "events", '[');
    for (const char *const *event = bridge_webhook_events; *event; event++)
        json_texts(j, NULL, *event);
    json_close(j, ']');
    json_close(j, '}');
}

/* -- answers -- */

static int read_list(const struct bridge_answer *a,
                     int (*on_session)(void *ctx, const struct bridge_session *s), void *ctx,
                     int *ret_skipped)
{
    static const struct json_path paths[] = {
        { 0, { "data" } },
        { 0, { "sessions" } },
        { 0, { "data", "sessions" } },
        { 0, { NULL } },
    };
    struct json_value list;
    int r = answer_status(a);

    if (r)
        return r == BRIDGE_REFUSED ? BRIDGE_NO_ROUTE : r;
    r = answer_find_list(a, paths, ARRAY_LEN(paths), &list);
    if (r != BRIDGE_GARBAGE && list.kind != JSON_IN_ARRAY)
        return BRIDGE_NO_ROUTE;
    return r ? r : answer_each(&sessions_form, list, on_session, ctx, ret_skipped);
}

/* The answer may be anything from nothing to a whole session: without a word for its state it is starting. */
static int read_create(const struct bridge_answer *a, struct bridge_created *ret)
{
    CLEANUP(buf_fini) struct buf qr = BUF_NULL;
    struct bridge_session s = { .state = SESSION_STARTING, .reconnectable = true };
    int r = answer_status(a);

    if (r)
        return r;
    if (answer_says_error(a))
        return BRIDGE_REFUSED;
    if (a->body.n)
        r = answer_session(&sessions_form, a->body, SESSION_STARTING, &s, &qr);
    if (r)
        return r;
    *ret = (struct bridge_created){ .session = s, .qr = qr };
    qr = BUF_NULL;
    return 0;
}

/* {"id":"s1","status":"connected","reconnect":"not needed"} */
static bool says_not_needed(struct str body)
{
    static const struct json_path path = { 0, { "reconnect" } };
    struct json_value v = { 0 };
    char text[16];

    return body.n && json_in_find(body, &path, 1, &v) == 0 && v.kind == JSON_IN_TEXT &&
           strcmp(json_in_text(v, text, sizeof text), "not needed") == 0;
}

static int read_reconnect(const struct bridge_answer *a)
{
    return says_not_needed(a->body) ? BRIDGE_NOT_NEEDED : 0;
}

/* -- is it this bridge? -- */

/* A 404 or 405 that is the bridge's own, in any form. */
static bool is_own_miss(const struct bridge_answer *a)
{
    return answer_status(a) == BRIDGE_NO_ROUTE && !answer_is_framework_miss(a);
}

static bool is_other_list(const struct bridge_answer *list)
{
    return is_own_miss(list) || (answer_status(list) == 0 && answer_is_json(list));
}

/* A bridge that handles the status route is this one, with any list. A healthy bridge that has
 * neither that nor another driver's answers may be a contract bridge that writes its own 404 as something other
 * than JSON; a web server that is not healthy is no bridge (a wrong URL, a proxy whose bridge is starting). */
static enum probe_verdict recognise(const struct bridge_answer *a)
{
    const struct bridge_answer *status = &a[0], *list = &a[1], *health = &a[2];

    if (answer_is_routed(status))
        return PROBE_YES;
    if (answer_probe(list) == PROBE_UNAUTHORIZED || answer_probe(status) == PROBE_UNAUTHORIZED)
        return PROBE_UNAUTHORIZED;
    if (answer_probe(list) == PROBE_NOT_YET || answer_probe(status) == PROBE_NOT_YET)
        return PROBE_NOT_YET;
    if (answer_read_health(health) == 0 && is_own_miss(status) && is_other_list(list))
        return PROBE_FALLBACK;
    return PROBE_NO;
}

static const int signatures[] = { SIGNATURE_STANDARD, SIGNATURE_HUB_256, 0 };

const struct bridge_driver bridge_contract = {
    .name = "contract",
    .what = "zapw with zapkeep's extension, or a bridge with status, reconnect and a webhook per session",
    .unreadable = "it is given the URL when a session is created, and has no call that shows it",
    .key_header = SESSIONS_KEY_HEADER,
    .has_extension = true,
    .has_list = true,
    .has_status = true,
    .has_reconnect = true,
    .probes = { SESSIONS_PROBE_PATH, "/sessions", "/health" },
    .recognise = recognise,
    .ops = {
        SESSIONS_OPS,
        [BRIDGE_STATUS] = { "GET", "/sessions/%s/status" },
        [BRIDGE_CREATE] = { "POST", "/sessions" },
        [BRIDGE_RECONNECT] = { "POST", "/sessions/%s/reconnect" },
    },
    .put_create = put_create,
    .may_name = sessions_may_name,
    .form = &sessions_form,
    .read_list = read_list,
    .read_create = read_create,
    .read_reconnect = read_reconnect,
    .read_qr = sessions_read_qr,
    .signatures = signatures,
};
