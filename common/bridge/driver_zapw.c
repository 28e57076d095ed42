/*
 * The released zapw (BRIDGES.md). Its list is the only call that gives states without side effects:
 * GET /sessions/:id may restart a QR round, so it is asked for an operator only. There is no reconnecting
 * over HTTP and no status route. POST /sessions ignores unknown keys and makes up an id when "sessionId" is
 * missing, so it always gets one.
 */
#include <errno.h>

#include "common/base/json_in.h"
#include "common/base/json_out.h"
#include "common/base/mem.h"
#include "common/bridge/answer.h"
#include "common/bridge/drivers.h"
#include "common/bridge/request.h"
#include "common/bridge/sessions_api.h"

/* It keeps its list in one file without a lock; creations closer together than this lost entries. */
#define CREATE_APART_MS 1000

/* -- requests -- */

static int build_create(const struct bridge_target *t, const char *id, const char *webhook_url,
                        struct bridge_request *ret)
{
    struct buf body = BUF_INIT(REQUEST_BODY_MAX);
    struct json_out j = JSON_OUT(&body);

    if (!text_is_id(str_from(id)))
        return -EINVAL;
    json_open(&j, NULL, '{');
    json_texts(&j, "sessionId", id);
    json_close(&j, '}');
    return request_build_json(SESSIONS_KEY_HEADER, t, "POST", "/sessions", NULL, &body, ret);
}

static int build_nothing(const struct bridge_target *t, const char *id, struct bridge_request *ret)
{
    return -ENOTSUP;
}

/* -- answers -- */

static int read_list(const struct bridge_answer *a,
                     int (*on_session)(void *ctx, const struct bridge_session *s), void *ctx,
                     int *ret_skipped)
{
    static const struct json_path paths[] = { { 0, { "data" } } };
    struct json_value data;
    int r = answer_status(a);

    if (r)
        return r;
    if (json_in_find(a->body, paths, 1, &data))
        return BRIDGE_GARBAGE;
    if (data.kind != JSON_IN_ARRAY)
        return answer_says_error(a) ? BRIDGE_REFUSED : BRIDGE_GARBAGE;
    r = answer_check_list(a, data);
    return r ? r : answer_each(&sessions_form, data, on_session, ctx, ret_skipped);
}

static int read_status(const struct bridge_answer *a, const char *id, struct bridge_session *ret)
{
    return BRIDGE_NO_ROUTE;
}

static int read_reconnect(const struct bridge_answer *a)
{
    return BRIDGE_NO_ROUTE;
}

static int read_create(const struct bridge_answer *a, struct bridge_created *ret)
{
    CLEANUP(buf_fini) struct buf qr = BUF_NULL;
    struct bridge_session s;
    int r = answer_status(a);

    if (r == 0)
        r = answer_session(&sessions_form, a->body, SESSION_STATE_N, &s, &qr);
    if (r)
        return r;
    if (!s.id[0])
        return BRIDGE_GARBAGE;
    *ret = (struct bridge_created){ .session = s, .qr = qr };
    qr = BUF_NULL;
    return 0;
}

/* -- is it this bridge? -- */

static int on_any(void *ctx, const struct bridge_session *s)
{
    return 0;
}

/* {"status":"success","data":[…]} with entries that read as sessions, as far as there are any. */
static bool is_list(const struct bridge_answer *list)
{
    static const struct json_path paths[] = { { 0, { "status" } }, { 1, { "data" } } };
    struct json_value v[2];
    int skipped = 0;

    return answer_status(list) == 0 && json_in_find(list->body, paths, 2, v) == 0 &&
           json_in_is(v[0], "success") && v[1].kind == JSON_IN_ARRAY &&
           answer_each(&sessions_form, v[1], on_any, NULL, &skipped) == 0;
}

/* It has the list, and nobody handles the contract's status route. */
static enum probe_verdict recognise(const struct bridge_answer *a)
{
    const struct bridge_answer *status = &a[0], *list = &a[1];

    if (answer_is_routed(status))
        return PROBE_NO;
    if (answer_probe(status) != PROBE_YES || answer_probe(list) != PROBE_YES)
        return answer_probe(status) != PROBE_YES ? answer_probe(status) : answer_probe(list);
    return is_list(list) ? PROBE_YES : PROBE_NO;
}

const struct bridge_driver bridge_zapw = {
    .name = "zapw",
    .what = "the released zapw: states by its list, no reconnecting over HTTP (RECONNECT_HOOK restarts it)",
    .key_header = SESSIONS_KEY_HEADER,
    .words = sessions_words,
    .has_extension = true,
    .has_list = true,
    .create_apart_ms = CREATE_APART_MS,
    .probes = { SESSIONS_PROBE_PATH, "/sessions" },
    .recognise = recognise,
    .build_health = sessions_build_health,
    .build_list = sessions_build_list,
    .build_status = build_nothing,
    .build_create = build_create,
    .build_delete = sessions_build_delete,
    .build_reconnect = build_nothing,
    .build_qr = sessions_build_qr,
    .read_health = answer_read_health,
    .read_list = read_list,
    .read_status = read_status,
    .read_create = read_create,
    .read_delete = answer_read_delete,
    .read_reconnect = read_reconnect,
    .read_qr = sessions_read_qr,
    .read_webhook = webhook_read,
};
