/* Webhooks, by every driver: header lines, an empty line, the body. */
#include <errno.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/utf8.h"
#include "common/bridge/driver.h"
#include "common/bridge/drivers.h"
#include "proto/message.h"
#include "tests/fuzz/input.h"

static void must_make_sense(const struct webhook *w)
{
    MUST((unsigned)w->type < EVENT_TYPE_N);
    MUST(memchr(w->session, '\0', sizeof w->session));
    MUST(w->session[0] == '\0' || session_id_is_valid(str_from(w->session)));
    MUST(memchr(w->message_id, '\0', sizeof w->message_id));
    MUST(utf8_is_valid(w->message_id, strlen(w->message_id)));
    MUST(w->occurred_at >= 0 && w->key.time_ms >= 0);
}

/* The notification that ingest publishes of it can be written and read. */
static void must_fit_the_bus(const struct webhook *w, struct str body)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(MESSAGE_BYTES_MAX);
    struct message m, back;

    message_init(&m);
    m.type = str_from(event_type_text(w->type));
    m.bridge = STR_LIT("main");
    m.session = str_from(w->session);
    m.message_id = str_from(w->message_id);
    m.body = body;
    MUST(message_encode(&m, &out) == 0);
    MUST(message_decode((struct str){ out.data, out.len }, &back) == 0);
    MUST(back.body.n == body.n);
}

static void read_by(const struct bridge_driver *driver, const struct webhook_request *req)
{
    struct webhook w, before, again, other;
    int r;

    memset(&w, 0x5a, sizeof w);
    before = w;
    memset(&again, 0, sizeof again);
    r = bridge_read_webhook(driver, req, STR_LIT("main"), &w);
    MUST(r == 0 || r == WEBHOOK_NOT_JSON || r == WEBHOOK_UNREADABLE);
    if (r != 0) {
        MUST(input_same(&w, &before, sizeof w));
        return;
    }
    must_make_sense(&w);
    MUST(bridge_read_webhook(driver, req, STR_LIT("main"), &again) == 0);
    MUST(memcmp(again.key.digest, w.key.digest, sizeof w.key.digest) == 0 &&
         again.key.time_ms == w.key.time_ms);
    MUST(bridge_read_webhook(driver, req, STR_LIT("other"), &other) == 0);
    MUST(memcmp(other.key.digest, w.key.digest, sizeof w.key.digest) != 0); /* two bridges' events are two */
    must_fit_the_bus(&w, req->body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const struct bridge_driver *driver;
    struct input_request in;
    long live = mem_live();

    input_request((struct str){ (const char *)data, n }, &in);
    if (in.request.body.n > 1024 * 1024) /* ingest takes no more */
        return 0;
    for (int i = 0; (driver = bridge_driver_at(i)); i++)
        read_by(driver, &in.request);
    MUST(mem_live() == live);
    return 0;
}
