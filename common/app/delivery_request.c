#include "common/app/delivery_request.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/digest.h"
#include "common/base/hex.h"
#include "common/base/json_out.h"
#include "common/base/mem.h"
#include "common/base/url.h"

#define ID_MAX 80

/* ---- URL and key ----------------------------------------------------------------------------- */

int delivery_url(const char *base, struct buf *out)
{
    struct url u;
    size_t n = strcspn(base, "?#");

    if (url_parse(base, &u) != 0)
        return -EINVAL;
    if (u.path.n > 1)
        return buf_adds(out, base);
    while (n > 0 && base[n - 1] == '/')
        n--;
    (void)buf_add(out, base, n);
    (void)buf_adds(out, DELIVERY_PATH);
    (void)buf_adds(out, strcspn(base, "?#") < strlen(base) ? base + strcspn(base, "?#") : "");
    return buf_error(out);
}

int delivery_secrets(const char *s, struct tokens *ret, struct buf *problem)
{
    struct tokens t = { 0 };
    char signature[64];
    int r = *s ? tokens_parse(s, &t) : 0;

    for (int i = 0; r == 0 && i < t.n; i++)
        r = signature_standard(t.token[i], STR_LIT("id"), STR_LIT("0"), STR_LIT(""), signature);
    if (r == 0) {
        *ret = t;
        return 0;
    }
    (void)buf_adds(problem, "is not \"whsec_\" and base64 of a key of at least 24 bytes, or two of these "
                            "separated by a comma (make one:"
                            " echo whsec_$(openssl rand -base64 32))");
    return -EINVAL;
}

/* ---- the body -------------------------------------------------------------------------------- */

static void add_event(const struct delivery_target *t, const struct event *e, struct buf *body)
{
    struct json_out j = JSON_OUT(body);

    if (!t->event_body) {
        (void)buf_add(body, e->body.p, e->body.n);
        return;
    }
    json_open(&j, NULL, '{');
    json_texts(&j, "id", e->id);
    json_int(&j, "seq", e->seq);
    json_text(&j, "type", e->type);
    json_text(&j, "bridge", e->bridge);
    json_text(&j, "session", e->session);
    if (e->occurred_at)
        json_int(&j, "occurred_at", e->occurred_at);
    else
        json_raw(&j, "occurred_at", STR_LIT("null"));
    json_raw(&j, "data", e->body);
    json_close(&j, '}');
}

static void add_body(const struct delivery_target *t, const struct delivery_try *how,
                     const struct event *const *events, int n, struct buf *body)
{
    if (!how->batch) {
        add_event(t, events[0], body);
        return;
    }
    (void)buf_adds(body, "{\"events\":[");
    for (int i = 0; i < n; i++) {
        (void)buf_adds(body, i ? "," : "");
        add_event(t, events[i], body);
    }
    (void)buf_adds(body, "],\"ids\":[");
    for (int i = 0; i < n; i++)
        (void)buf_addf(body, "%s\"%s\"", i ? "," : "", events[i]->id);
    (void)buf_adds(body, "]}");
}

/* ---- the headers ----------------------------------------------------------------------------- */

/* A batch that is made up again of other events must have another id: receivers drop ids that they know. */
static void batch_id(const struct event *const *events, int n, char ret[ID_MAX])
{
    CLEANUP(buf_fini) struct buf seqs = BUF_INIT(64 * 1024);
    uint8_t digest[SHA256_BYTES] = { 0 };
    char hex[17];

    for (int i = 0; i < n; i++)
        (void)buf_addf(&seqs, "%" PRId64 ",", events[i]->seq);
    (void)digest_sha256(buf_str(&seqs), seqs.len, digest);
    hex_encode(digest, 8, hex);
    (void)snprintf(ret, ID_MAX, "batch_%.8s_%" PRId64 "_%s", events[0]->id + sizeof "evt_" - 1,
                   events[0]->seq, hex);
}

/* A session's id comes from a sender: only plain characters go into a header. */
static bool is_header_safe(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if ((unsigned char)s.p[i] < ' ' || (unsigned char)s.p[i] > '~')
            return false;
    }
    return s.n > 0 && s.p[0] != ' ' && s.p[s.n - 1] != ' ';
}

static void add_line(struct buf *headers, const char *name, struct str value)
{
    (void)buf_adds(headers, name);
    (void)buf_add(headers, value.p, value.n);
    (void)buf_add(headers, "\n", 1);
}

static void add_number(struct buf *headers, const char *name, int64_t n)
{
    (void)buf_adds(headers, name);
    (void)buf_addi(headers, n);
    (void)buf_add(headers, "\n", 1);
}

static void add_text(struct buf *headers, const char *name, struct str value)
{
    if (is_header_safe(value))
        add_line(headers, name, value);
}

static void add_signatures(const struct delivery_target *t, struct str id, int64_t timestamp_s,
                           struct str body, struct buf *headers)
{
    size_t at = headers->len + sizeof "webhook-timestamp: " - 1;
    struct str timestamp;
    char signature[64];

    add_number(headers, "webhook-timestamp: ", timestamp_s);
    for (int i = 0; i < t->secrets.n && buf_error(headers) == 0; i++) {
        timestamp = (struct str){ headers->data + at, strcspn(headers->data + at, "\n") };
        if (signature_standard(t->secrets.token[i], id, timestamp, body, signature) != 0)
            continue;
        (void)buf_adds(headers, i ? " " : "webhook-signature: ");
        (void)buf_adds(headers, signature);
    }
    (void)buf_adds(headers, t->secrets.n > 0 ? "\n" : "");
}

static void add_zapkeep(const struct delivery_try *how, const struct event *e, struct buf *headers)
{
    add_number(headers, "zapkeep-attempt: ", how->attempt);
    if (how->replay)
        (void)buf_adds(headers, "zapkeep-replay: true\n");
    if (how->batch)
        return;
    add_number(headers, "zapkeep-seq: ", e->seq);
    add_text(headers, "zapkeep-type: ", e->type);
    add_text(headers, "zapkeep-bridge: ", e->bridge);
    add_text(headers, "zapkeep-session: ", e->session);
}

int delivery_request_build(const struct delivery_target *t, const struct delivery_try *how,
                           const struct event *const *events, int n, struct buf *headers, struct buf *body)
{
    char id[ID_MAX];

    add_body(t, how, events, n, body);
    if (how->batch)
        batch_id(events, n, id);
    else
        str_copy(str_from(events[0]->id), id, sizeof id);
    (void)buf_adds(headers, "Content-Type: application/json\n");
    add_line(headers, "webhook-id: ", str_from(id));
    add_signatures(t, str_from(id), how->timestamp_s, (struct str){ buf_str(body), body->len }, headers);
    if (t->headers)
        (void)buf_adds(headers, t->headers);
    if (t->token[0])
        add_line(headers, "Authorization: Bearer ", str_from(t->token));
    add_zapkeep(how, events[0], headers);
    return buf_error(headers) ? buf_error(headers) : buf_error(body);
}
