#include "services/cli/qr_event.h"

#include <errno.h>

#include "common/base/json_in.h"
#include "common/base/mem.h"
#include "common/store/events.h"
#include "common/store/store.h"

#define CODE_MAX (64 * 1024)

/* {"data":{"qr":"2@…"}}, or the same without an envelope. */
static int read_code(struct str body, struct buf *ret)
{
    static const struct json_path paths[] = {
        { 0, { "data", "qr" } }, { 0, { "data", "qrCode" } }, { 0, { "qr" } }, { 0, { "qrCode" } }
    };
    struct json_value v[ARRAY_LEN(paths)];

    (void)json_in_find(body, paths, ARRAY_LEN(paths), v);
    buf_reset(ret);
    return json_in_text_add(json_in_first(paths, v, ARRAY_LEN(paths), 0, JSON_IN_TEXT), ret);
}

static int read_newest(struct event_reader *reader, int64_t seq, const struct event_filter *filter,
                       struct buf *ret)
{
    CLEANUP(event_rows_fini) struct event_rows rows = EVENT_ROWS_NULL;
    int r;

    do {
        r = event_read(reader, seq, filter, EVENT_READ_ROWS_MAX, &rows);
        if (r == 0 && rows.n)
            r = read_code(rows.rows[rows.n - 1].body, ret);
        seq = rows.next_seq;
    } while (r == 0 && seq <= rows.head_seq);
    return r;
}

int qr_event_find(const char *dir, const char *bridge, const char *session, int64_t now_ms, struct buf *ret)
{
    const struct event_filter filter = { .type_prefix = STR_LIT("session.qr"),
                                         .session = str_from(session),
                                         .bridge = str_from(bridge),
                                         .since_at = now_ms - QR_EVENT_AGE_MAX_MS };
    struct event_reader *reader = NULL;
    struct buf code = BUF_INIT(CODE_MAX);
    int64_t seq = 0;
    int r = event_reader_open(dir, &reader);

    if (r == 0)
        r = event_seq_at(reader, filter.since_at, &seq);
    if (r == 0)
        r = read_newest(reader, seq, &filter, &code);
    event_reader_close(reader);
    if (r == -ENOMEM) {
        buf_fini(&code);
        return r;
    }
    *ret = code;
    return 0;
}
