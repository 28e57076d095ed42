/*
 * The judgement: whoever handles the status route is the contract, whatever its list looks like; whoever does
 * not, but has zapw's list, is zapw. A bridge without either that is healthy is a contract bridge that writes
 * its own 404 as something other than JSON; a web server that is not healthy is nobody (a wrong URL, a proxy
 * whose bridge is starting: taking that for a contract would stick).
 */
#include "common/bridge/detect.h"

#include "common/base/json_in.h"
#include "common/bridge/answer.h"
#include "common/bridge/request.h"

int detect_build_list(const struct bridge_target *t, struct bridge_request *ret)
{
    return request_build(t, "GET", "/sessions", NULL, ret);
}

int detect_build_status(const struct bridge_target *t, struct bridge_request *ret)
{
    return request_build(t, "GET", "/sessions/%s/status", DETECT_PROBE_ID, ret);
}

static int on_any(void *ctx, const struct bridge_session *s)
{
    return 0;
}

/* {"status":"success","data":[…]} with entries that read as sessions, as far as there are any. */
static bool is_zapw_list(const struct bridge_answer *list)
{
    static const struct json_path paths[] = { { 0, { "status" } }, { 1, { "data" } } };
    struct json_value v[2];
    int skipped = 0;

    return answer_status(list) == 0 && json_in_find(list->body, paths, 2, v) == 0 &&
           json_in_is(v[0], "success") && v[1].kind == JSON_IN_ARRAY &&
           answer_each(v[1], on_any, NULL, &skipped) == 0;
}

/* Somebody of the bridge handled the probe: a session, a refusal, or a 404 of its own. */
static bool is_routed(const struct bridge_answer *status)
{
    int s = status->status;

    return ((s >= 200 && s < 300) || s == 400 || s == 404 || s == 410 || s == 422) &&
           !answer_is_unrouted(status);
}

static bool is_later(int kind, int status)
{
    return kind == BRIDGE_NO_ANSWER || kind == BRIDGE_BROKEN || status == 408 || status == 429;
}

/* A 404 or 405 that is the bridge's own, in whatever words. */
static bool is_own_miss(const struct bridge_answer *a)
{
    return answer_status(a) == BRIDGE_NO_ROUTE && !answer_is_framework_miss(a);
}

static bool is_other_list(const struct bridge_answer *list)
{
    return is_own_miss(list) || (answer_status(list) == 0 && answer_is_json(list));
}

int detect_decide(const struct bridge_answer *list, const struct bridge_answer *status,
                  const struct bridge_answer *health, const struct bridge_driver **ret)
{
    int l = answer_status(list), s = answer_status(status);

    if (is_routed(status)) {
        *ret = bridge_driver_find("contract");
        return 0;
    }
    if (l == BRIDGE_UNAUTHORIZED || s == BRIDGE_UNAUTHORIZED)
        return DETECT_UNAUTHORIZED;
    if (is_later(l, list->status) || is_later(s, status->status))
        return DETECT_NOT_YET;
    if (is_zapw_list(list)) {
        *ret = bridge_driver_find("zapw");
        return 0;
    }
    if (health && answer_read_health(health) == 0 && is_own_miss(status) && is_other_list(list)) {
        *ret = bridge_driver_find("contract");
        return 0;
    }
    return DETECT_UNKNOWN;
}
