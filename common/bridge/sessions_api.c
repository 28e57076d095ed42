#include "common/bridge/sessions_api.h"

#include "common/base/mem.h"
#include "common/bridge/answer.h"
#include "common/bridge/request.h"

const struct bridge_word sessions_words[] = {
    { "initializing", SESSION_STARTING },
    { "connecting", SESSION_STARTING },
    { "starting", SESSION_STARTING },
    { "reconnecting", SESSION_STARTING },
    { "qr_waiting", SESSION_QR_PENDING },
    { "qr_pending", SESSION_QR_PENDING },
    { "connected", SESSION_CONNECTED },
    { "disconnected", SESSION_DISCONNECTED },
    { "logged_out", SESSION_LOGGED_OUT },
    { "failed", SESSION_FAILED },
    { NULL, SESSION_STATE_N },
};

int sessions_build_health(const struct bridge_target *t, struct bridge_request *ret)
{
    return request_build(SESSIONS_KEY_HEADER, t, "GET", "/health", NULL, ret);
}

int sessions_build_list(const struct bridge_target *t, struct bridge_request *ret)
{
    return request_build(SESSIONS_KEY_HEADER, t, "GET", "/sessions", NULL, ret);
}

int sessions_build_delete(const struct bridge_target *t, const char *id, struct bridge_request *ret)
{
    return request_build(SESSIONS_KEY_HEADER, t, "DELETE", "/sessions/%s", id, ret);
}

int sessions_build_qr(const struct bridge_target *t, const char *id, struct bridge_request *ret)
{
    return request_build(SESSIONS_KEY_HEADER, t, "GET", "/sessions/%s", id, ret);
}

int sessions_read_qr(const struct bridge_answer *a, struct buf *ret_qr, struct bridge_session *ret)
{
    CLEANUP(buf_fini) struct buf qr = BUF_NULL;
    int r = answer_status_of_session(a);

    if (r == 0)
        r = answer_session(sessions_words, a->body, SESSION_STATE_N, ret, &qr);
    if (r)
        return r;
    *ret_qr = BUF_NULL;
    if (ret->state == SESSION_QR_PENDING) {
        *ret_qr = qr;
        qr = BUF_NULL;
    }
    return 0;
}
