/*
 * Output of commands about a sender's and a bridge's bytes: "type LF session LF message id LF body". Lines for a person and for a
 * program are one line each, and hold no byte that a terminal obeys; JSON stays JSON.
 */
#include <string.h>

#include "common/base/clean.h"
#include "common/base/json_in.h"
#include "common/base/mem.h"
#include "common/base/utf8.h"
#include "services/cli/doctor.h"
#include "services/cli/event_line.h"
#include "services/cli/output.h"
#include "tests/fuzz/input.h"

static void is_one_safe_line(const struct buf *out)
{
    const unsigned char *p = (const unsigned char *)out->data;
    size_t n = out->len - 1, len;

    MUST(buf_error(out) == 0 && out->len > 0 && p[n] == '\n');
    for (size_t i = 0; i < n; i += len) {
        len = utf8_length(p + i, n - i);
        MUST(len > 0 && !clean_is_unsafe(utf8_point(p + i, len)));
    }
}

static void is_json(const struct buf *out)
{
    static const struct json_path whole = { 0, { NULL } };
    struct json_value v;

    MUST(json_in_find((struct str){ out->data, out->len - 1 }, &whole, 1, &v) == 0);
}

static void show_event(const struct event *e)
{
    for (int form = 0; form < 3; form++) {
        struct buf out = BUF_INIT(OUTPUT_LINE_MAX);

        output_event(e, form == 0, form == 1 ? 80 : 0, &out);
        is_one_safe_line(&out);
        if (form == 0)
            is_json(&out);
        buf_fini(&out);
    }
}

static void show_rejected(const struct event *e)
{
    const struct rejected r = {
        .bridge = e->bridge, .reason = e->type, .headers = e->session, .body = e->body
    };
    struct buf out = BUF_INIT(OUTPUT_LINE_MAX);

    output_rejected(&r, true, &out);
    is_one_safe_line(&out);
    is_json(&out);
    buf_fini(&out);
}

static void show_message(const struct event *e)
{
    struct message m;

    message_init(&m);
    m.type = m.to = e->type;
    m.bridge = e->bridge;
    m.session = m.from = e->session;
    m.text = e->message_id;
    m.body = e->body;
    for (int form = 0; form < 3; form++) {
        struct buf out = BUF_INIT(OUTPUT_LINE_MAX);

        output_message(&m, form == 0, form == 1 ? 80 : 0, &out);
        is_one_safe_line(&out);
        buf_fini(&out);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str rest = { (const char *)data, n };
    struct event e = { .seq = 7, .at = 1800000000000, .bridge = STR_LIT("main") };
    long live = mem_live();
    char features[400];

    e.type = input_until(&rest, "\n");
    e.session = input_until(&rest, "\n");
    e.message_id = input_until(&rest, "\n");
    e.body = rest;
    show_event(&e);
    show_rejected(&e);
    show_message(&e);
    (void)doctor_read_features(rest, features, sizeof features);
    MUST(mem_live() == live);
    return 0;
}
