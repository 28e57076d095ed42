/*
 * The released zapw (BRIDGES.md). Its list is the only call that gives states without side effects:
 * GET /sessions/:id may restart a QR round, so it is asked for an operator only. There is no reconnecting
 * over HTTP and no status route. POST /sessions ignores unknown keys and makes up an id when "sessionId" is
 * missing, so it always gets one.
 */
#include "common/base/json_in.h"
#include "common/base/json_out.h"
#include "common/base/mem.h"
#include "common/bridge/answer.h"
#include "common/bridge/drivers.h"
#include "common/bridge/sessions_api.h"

/* It keeps its list in one file without a lock; creations closer together than this lost entries. */
#define CREATE_APART_MS 1000

/* -- requests -- */

static void put_create(struct json_out *j, const struct bridge_target *t, const char *id,
                       const struct subscription_want *hook)
{
    json_texts(j, "sessionId", id);
}

/* -- answers -- */

static const struct json_path list_at[] = { { 0, { "data" } } };

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
    .limits = "it cannot reconnect a session over HTTP, and repeats a failed webhook only twice",
    .advice = "use the image of deploy/whatsapp-bridge",
    .unreadable = "it has one URL for all sessions, WEBHOOK_URL in its environment, and no call that shows it",
    .key_header = SESSIONS_KEY_HEADER,
    .has_extension = true,
    .has_list = true,
    .create_apart_ms = CREATE_APART_MS,
    .probes = { SESSIONS_PROBE_PATH, "/sessions" },
    .recognise = recognise,
    .ops = {
        SESSIONS_OPS,
        [BRIDGE_CREATE] = { "POST", "/sessions" },
    },
    .put_create = put_create,
    .may_name = sessions_may_name,
    .form = &sessions_form,
    .list_at = list_at,
    .list_paths = ARRAY_LEN(list_at),
    .read_create = read_create,
    .read_qr = sessions_read_qr,
};
