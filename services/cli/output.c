#include "services/cli/output.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "common/base/clean.h"
#include "common/base/json_out.h"
#include "common/base/mem.h"
#include "common/ops/event_json.h"
#include "services/cli/event_line.h"

/* Of a body a terminal shows this much; --json has all of it. */
#define BODY_SHOWN 160

/* ---- for a person ---------------------------------------------------------------------------- */

static void add_time(struct buf *out, int64_t at)
{
    char text[40];

    (void)buf_adds(out, text_time(at, text, sizeof text));
}

static void add_type(struct buf *out, struct str type)
{
    static const char spaces[] = "                      ";

    (void)clean_add(out, type);
    if (type.n < sizeof spaces - 1)
        (void)buf_add(out, spaces, sizeof spaces - 1 - type.n);
}

static void add_names(struct buf *out, struct str bridge, struct str session)
{
    (void)clean_add(out, bridge);
    if (session.n) {
        (void)buf_add(out, "/", 1);
        (void)clean_add(out, session);
    }
}

/* Cut between characters. */
static void add_body(struct buf *out, struct str body)
{
    CLEANUP(buf_fini) struct buf line = BUF_INIT(OUTPUT_LINE_MAX);
    size_t n;

    json_compact(&line, body);
    n = line.len < BODY_SHOWN ? line.len : BODY_SHOWN;
    while (n > 0 && n < line.len && ((unsigned char)line.data[n] & 0xc0) == 0x80)
        n--;
    (void)clean_add(out, (struct str){ buf_str(&line), n });
    if (n < line.len)
        (void)buf_adds(out, "...");
}

static void event_text(const struct event *e, struct buf *out)
{
    (void)buf_addf(out, "%8" PRId64 "  ", e->seq);
    add_time(out, e->at);
    (void)buf_adds(out, "  ");
    add_type(out, e->type);
    (void)buf_adds(out, "  ");
    add_names(out, e->bridge, e->session);
    (void)buf_adds(out, "  ");
    (void)clean_add(out, e->message_id.n ? e->message_id : STR_LIT("-"));
    (void)buf_adds(out, "  ");
    add_body(out, e->body);
}

void output_event(const struct event *e, bool json, int columns, struct buf *out)
{
    if (!json && columns > 0) {
        event_line(e, columns, out);
        return;
    }
    if (json) {
        struct json_out j = JSON_OUT(out);

        event_json(e, &j);
    } else
        event_text(e, out);
    (void)buf_add(out, "\n", 1);
}

/* ---- rejected -------------------------------------------------------------------------------- */

void output_rejected(const struct rejected *r, bool json, struct buf *out)
{
    struct json_out j = JSON_OUT(out);

    if (json) {
        json_open(&j, NULL, '{');
        json_int(&j, "id", r->id);
        json_int(&j, "at", r->at);
        json_text(&j, "bridge", r->bridge);
        json_text(&j, "reason", r->reason);
        json_text(&j, "headers", r->headers);
        json_int(&j, "size", r->size);
        json_text(&j, "body", r->body);
        json_close(&j, '}');
    } else {
        (void)buf_addf(out, "%8" PRId64 "  ", r->id);
        add_time(out, r->at);
        (void)buf_adds(out, "  ");
        (void)clean_add(out, r->bridge);
        (void)buf_adds(out, "  ");
        (void)clean_add(out, r->reason);
        (void)buf_addf(out, " (%" PRId64 " bytes): ", r->size);
        (void)clean_add(out, (struct str){ r->body.p, r->body.n < BODY_SHOWN ? r->body.n : BODY_SHOWN });
    }
    (void)buf_add(out, "\n", 1);
}

/* ---- messages -------------------------------------------------------------------------------- */

static void add_str(struct buf *out, const char *key, struct str v)
{
    if (!v.n)
        return;
    (void)buf_addf(out, "  %s=", key);
    (void)clean_add(out, v);
}

static void add_int(struct buf *out, const char *key, int64_t v)
{
    if (v != MESSAGE_UNSET)
        (void)buf_addf(out, "  %s=%" PRId64, key, v);
}

static void add_bin(struct buf *out, const char *key, struct str v)
{
    (void)key;
    if (!v.p)
        return;
    (void)buf_adds(out, "  ");
    add_body(out, v);
}

static void message_text(const struct message *m, struct buf *out)
{
    struct message rest = *m; /* without the beginning of the line */

    add_time(out, m->at == MESSAGE_UNSET ? 0 : m->at);
    (void)buf_adds(out, "  ");
    add_type(out, m->type);
    (void)buf_adds(out, "  ");
    add_names(out, m->bridge, m->session);
    rest.v = rest.at = MESSAGE_UNSET;
    rest.type = rest.bridge = rest.session = rest.id = rest.src = STR_NULL;
#define STR(name)     add_str(out, #name, rest.name);
#define INT(name)     add_int(out, #name, rest.name);
#define BIN(name)     add_bin(out, #name, rest.name);
#define X(kind, name) kind(name)
    MESSAGE_FIELDS(X)
#undef X
#undef BIN
#undef INT
#undef STR
}

static void field_str(struct json_out *j, const char *key, struct str v)
{
    if (v.p)
        json_text(j, key, v);
}

static void field_int(struct json_out *j, const char *key, int64_t v)
{
    if (v != MESSAGE_UNSET)
        json_int(j, key, v);
}

static void field_bin(struct json_out *j, const char *key, struct str v)
{
    (void)key;
    if (v.p)
        event_json_body(j, v);
}

static void message_json(const struct message *m, struct buf *out)
{
    struct json_out j = JSON_OUT(out);

    json_open(&j, NULL, '{');
#define STR(name)     field_str(&j, #name, m->name);
#define INT(name)     field_int(&j, #name, m->name);
#define BIN(name)     field_bin(&j, #name, m->name);
#define X(kind, name) kind(name)
    MESSAGE_FIELDS(X)
#undef X
#undef BIN
#undef INT
#undef STR
    json_close(&j, '}');
}

void output_message(const struct message *m, bool json, int columns, struct buf *out)
{
    if (!json && columns > 0) {
        event_line_message(m, columns, out);
        return;
    }
    if (json)
        message_json(m, out);
    else
        message_text(m, out);
    (void)buf_add(out, "\n", 1);
}

void output_store_line(const char *name, const char *value, const char *problem, bool json, struct buf *out)
{
    struct json_out j = JSON_OUT(out);

    if (json) {
        json_open(&j, NULL, '{');
        json_texts(&j, "name", name);
        json_texts(&j, "value", value);
        json_texts(&j, "problem", problem);
        json_close(&j, '}');
    } else {
        (void)buf_addf(out, "%-20s  ", name);
        (void)clean_add(
            out, str_from(value)); /* the server has names from others: of its standbys, of connections */
        (void)buf_adds(out, *problem ? "  — " : "");
        (void)clean_add(out, str_from(problem));
    }
    (void)buf_add(out, "\n", 1);
}

int output_flush(struct buf *out)
{
    int r = buf_error(out);

    if (r == 0 && fwrite(buf_str(out), 1, out->len, stdout) != out->len)
        r = -EPIPE;
    if (fflush(stdout) != 0)
        r = -EPIPE;
    buf_reset(out);
    return r;
}
