/* Pairing: start, look, cancel. */
#include <errno.h>

#include "common/base/err.h"
#include "common/base/mem.h"
#include "services/console/handlers.h"
#include "services/console/pairings.h"
#include "services/console/stores.h"

static void answer(struct exchange *e, int status, int64_t id)
{
    CLEANUP(buf_fini) struct buf json = BUF_INIT(EXCHANGE_ANSWER_MAX);
    struct json_out j = JSON_OUT(&json);

    if (pairings_json(e->c->pairings, id, &j) == PAIRINGS_NONE)
        exchange_error(e, 404, "not_found", "there is no such pairing; start a new one");
    else
        exchange_answer(e, status, &json);
}

void handle_pairing_start(struct exchange *e)
{
    char bridge[SESSIONS_ID_MAX], session[SESSIONS_ID_MAX], phone[40];
    bool recreate = exchange_bool(e, "recreate");
    int64_t id = 0;
    int r;

    exchange_text(e, NULL, "bridge", bridge, sizeof bridge);
    exchange_text(e, NULL, "session", session, sizeof session);
    exchange_text(e, NULL, "phone", phone, sizeof phone);
    if (!exchange_fits(e))
        return;
    if (!text_is_id(str_from(bridge)) || !session_id_is_valid(str_from(session))) {
        exchange_error(e, 400, "bad_request", "a pairing needs bridge and session");
        return;
    }
    r = pairings_start(e->c->pairings, bridge, session, phone, recreate, &id);
    if (r == -EBUSY) {
        exchange_error(e, 409, "busy", "%d sessions are being paired now; finish one first",
                       PAIRINGS_RUNNING_MAX);
        return;
    }
    if (r != 0) {
        exchange_error(e, 503, "no_program", "the program zapkeep cannot be run: %s; set ZAPKEEP_CONSOLE_CLI",
                       err_text(r));
        return;
    }
    exchange_audit(e, "session.pair", bridge, session, true, "%s",
                   recreate   ? "it may be created again"
                   : phone[0] ? "by phone number"
                              : "");
    answer(e, 201, id);
}

static int64_t id_of(const struct exchange *e)
{
    int64_t id = 0;

    (void)text_to_i64(e->param[0], &id);
    return id;
}

void handle_pairing(struct exchange *e)
{
    answer(e, 200, id_of(e));
}

void handle_pairing_cancel(struct exchange *e)
{
    if (pairings_cancel(e->c->pairings, id_of(e)) == PAIRINGS_NONE)
        exchange_error(e, 404, "not_found", "there is no such pairing");
    else
        exchange_nothing(e);
}
