#include "common/bridge/sessions_api.h"

#include "common/base/mem.h"
#include "common/bridge/answer.h"

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
    { "action_required", SESSION_ACTION_REQUIRED },
    { NULL, SESSION_STATE_N },
};

/* Bridges of this kind wrap the same few fields in different envelopes: {"data":{…}}, {"session":{…}}, bare. */
#define ANYWHERE(field, key)                                   \
    { field, { "data", key } }, { field, { "session", key } }, \
    {                                                          \
        field,                                                 \
        {                                                      \
            key                                                \
        }                                                      \
    }

/* clang-format off */
static const struct json_path paths[] = {
    { ANSWER_TOP, { NULL } },
    ANYWHERE(ANSWER_ID, "id"),
    ANYWHERE(ANSWER_ID, "sessionId"),
    ANYWHERE(ANSWER_ID, "session_id"),
    ANYWHERE(ANSWER_STATUS, "status"),
    ANYWHERE(ANSWER_STATUS, "state"),
    ANYWHERE(ANSWER_PHONE, "phoneNumber"),
    ANYWHERE(ANSWER_PHONE, "phone"),
    ANYWHERE(ANSWER_NAME, "name"),
    ANYWHERE(ANSWER_AGAIN, "reconnectable"),
    ANYWHERE(ANSWER_AGAIN, "shouldReconnect"),
    ANYWHERE(ANSWER_QR, "qr"),
    ANYWHERE(ANSWER_QR, "qrCode"),
    ANYWHERE(ANSWER_QR, "qr_code"),
    ANYWHERE(ANSWER_QR, "qrcode"),
    { ANSWER_QR, { "data", "qr", "code" } },
    { ANSWER_QR, { "qr", "code" } },
};
/* clang-format on */
_Static_assert(ARRAY_LEN(paths) <= ANSWER_PATHS_MAX, "answer.h: ANSWER_PATHS_MAX");

const struct answer_form sessions_form = { .paths = paths,
                                           .n_paths = ARRAY_LEN(paths),
                                           .words = sessions_words };

bool sessions_may_name(enum bridge_op op, const char *id)
{
    return (op != BRIDGE_CREATE && op != BRIDGE_DELETE) || text_is_id(str_from(id));
}

int sessions_read_qr(const struct bridge_answer *a, struct buf *ret_qr, struct bridge_session *ret)
{
    CLEANUP(buf_fini) struct buf qr = BUF_NULL;
    int r = answer_status_of_session(a);

    if (r == 0)
        r = answer_session(&sessions_form, a->body, SESSION_STATE_N, ret, &qr);
    if (r)
        return r;
    answer_move_qr(ret, &qr, ret_qr);
    return 0;
}
