/* Server-sent events for everything that changes. */
#include <errno.h>
#include <string.h>

#include "services/console/handlers.h"
#include "services/console/live.h"

void handle_stream(struct exchange *e)
{
    struct live_request want = { 0 };
    struct str last = http_req_header(e->http, "Last-Event-ID");
    char text[24];
    int r;

    exchange_query(e, "events", text, sizeof text);
    want.wants_events = strcmp(text, "1") == 0;
    exchange_query(e, "bridge", want.bridge, sizeof want.bridge);
    exchange_query(e, "session", want.session, sizeof want.session);
    exchange_query(e, "type", want.type, sizeof want.type);
    if (!exchange_fits(e))
        return;
    want.again = last.p != NULL;
    str_copy(last, text, sizeof text);
    (void)text_to_i64(text, &want.last_event);
    r = live_begin(e->c->live, e->http, &want);
    if (r == -EBUSY)
        exchange_error(e, 503, "busy", "as many pages watch as may; close some");
    else if (r != 0)
        exchange_error(e, 503, "memory", "memory is short");
}
