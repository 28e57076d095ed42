/*
 * WhatsApp Cloud API, as a source of webhooks: a session is a phone number (phone_number_id), and there is nothing to watch or
 * to reconnect. One POST may hold many messages and statuses; each becomes an event of its own, with a body in Meta's form that
 * holds it alone.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/json_in.h"
#include "common/base/mem.h"
#include "common/bridge/answer.h"
#include "common/bridge/drivers.h"
#include "common/bridge/hook_form.h"
#include "common/bridge/signature.h"

/* A body of one event: never longer than the whole, and the few keys around it. */
#define FRAME_BYTES 1024

static const struct bridge_word words[] = { { NULL, SESSION_STATE_N } };
static const struct json_path paths[] = { { ANSWER_TOP, { NULL } } };
static const struct answer_form form = { .paths = paths, .n_paths = ARRAY_LEN(paths), .words = words };

static enum probe_verdict recognise(const struct bridge_answer *a)
{
    return PROBE_NO;
}

/* -- one event -- */

enum { ENTRY_ID, ENTRY_CHANGES };
static const struct json_path entry_paths[] = { { ENTRY_ID, { "id" } }, { ENTRY_CHANGES, { "changes" } } };
enum { CHANGE_FIELD, PRODUCT, METADATA, PHONE_ID, CONTACTS, MESSAGES, STATUSES };
static const struct json_path change_paths[] = {
    { CHANGE_FIELD, { "field" } },         { PRODUCT, { "value", "messaging_product" } },
    { METADATA, { "value", "metadata" } }, { PHONE_ID, { "value", "metadata", "phone_number_id" } },
    { CONTACTS, { "value", "contacts" } }, { MESSAGES, { "value", "messages" } },
    { STATUSES, { "value", "statuses" } },
};
#define CHANGE_PATHS ((int)ARRAY_LEN(change_paths))
enum { ITEM_ID, ITEM_TIME, ITEM_STATUS };
static const struct json_path item_paths[] = { { ITEM_ID, { "id" } },
                                               { ITEM_TIME, { "timestamp" } },
                                               { ITEM_STATUS, { "status" } } };

struct split {
    const struct webhook_request *req;
    struct str bridge_name;
    int (*on_event)(void *ctx, const struct webhook *w, struct str body);
    void *ctx;
    struct json_value object;
    struct json_value entry[2], change[ARRAY_LEN(change_paths)], item[3];
    bool is_status;
    int n;
};

static enum event_type type_of(const struct split *x)
{
    if (!x->is_status)
        return EVENT_TYPE_MESSAGE_RECEIVED;
    if (json_in_is(x->item[ITEM_STATUS], "sent"))
        return EVENT_TYPE_MESSAGE_SENT;
    if (json_in_is(x->item[ITEM_STATUS], "delivered"))
        return EVENT_TYPE_MESSAGE_DELIVERED;
    return json_in_is(x->item[ITEM_STATUS], "read") ? EVENT_TYPE_MESSAGE_READ : EVENT_TYPE_EVENT_OTHER;
}

static void put_value(struct buf *out, const char *key, struct json_value v)
{
    if (v.kind == JSON_IN_ABSENT)
        return;
    (void)buf_addf(out, "\"%s\":", key);
    if (v.kind == JSON_IN_TEXT)
        (void)buf_adds(out, "\"");
    (void)buf_add(out, v.raw.p, v.raw.n);
    (void)buf_adds(out, v.kind == JSON_IN_TEXT ? "\"," : ",");
}

/* Meta's own form, with this message or status alone. Values are copied as they are. */
static int put_body(const struct split *x, struct str item, struct buf *out)
{
    (void)buf_adds(out, "{");
    put_value(out, "object", x->object);
    (void)buf_adds(out, "\"entry\":[{");
    put_value(out, "id", x->entry[ENTRY_ID]);
    (void)buf_adds(out, "\"changes\":[{\"value\":{");
    put_value(out, "messaging_product", x->change[PRODUCT]);
    put_value(out, "metadata", x->change[METADATA]);
    put_value(out, "contacts", x->change[CONTACTS]);
    (void)buf_addf(out, "\"%s\":[", x->is_status ? "statuses" : "messages");
    (void)buf_add(out, item.p, item.n);
    (void)buf_adds(out, "]},\"field\":\"messages\"}]}]}");
    return buf_error(out);
}

/* The key is the message's id, of a status with the status: Meta repeats until it is answered, and in other bundles. */
static int on_item(void *ctx, struct json_value item)
{
    struct split *x = ctx;
    CLEANUP(buf_fini) struct buf body = BUF_INIT(x->req->body.n + FRAME_BYTES);
    char event_id[WEBHOOK_EVENT_ID_MAX + 1], status[24], time[24];
    struct webhook w = { .should_reconnect = true, .type = type_of(x) };
    int64_t s = 0;
    int r;

    webhook_read_session(x->change[PHONE_ID], w.session);
    json_in_text(x->item[ITEM_ID], w.message_id, sizeof w.message_id);
    if (text_to_i64(json_in_text(x->item[ITEM_TIME], time, sizeof time), &s) == 0 && s > 0 &&
        s < INT64_C(4102444800))
        w.occurred_at = w.key.time_ms = s * 1000;
    (void)snprintf(event_id, sizeof event_id, "%.100s:%s", w.message_id,
                   x->is_status ? json_in_text(x->item[ITEM_STATUS], status, sizeof status) : "");
    r = webhook_make_key(x->req, x->bridge_name, w.message_id[0] ? event_id : "", &w);
    if (r == 0)
        r = put_body(x, item.raw, &body);
    x->n++;
    return r ? r : x->on_event(x->ctx, &w, (struct str){ buf_str(&body), body.len });
}

static int on_change(void *ctx, struct json_value change)
{
    struct split *x = ctx;
    int r;

    x->is_status = false;
    r = json_in_each_find(x->change[MESSAGES], item_paths, ARRAY_LEN(item_paths), x->item, on_item, x);
    x->is_status = true;
    return r ? r
             : json_in_each_find(x->change[STATUSES], item_paths, ARRAY_LEN(item_paths), x->item, on_item, x);
}

static int on_entry(void *ctx, struct json_value entry)
{
    struct split *x = ctx;

    return json_in_each_find(x->entry[ENTRY_CHANGES], change_paths, CHANGE_PATHS, x->change, on_change, x);
}

/* Nothing of a message: kept whole. */
static int on_other(struct split *x)
{
    struct webhook w = { .should_reconnect = true, .type = EVENT_TYPE_EVENT_OTHER };
    int r = webhook_make_key(x->req, x->bridge_name, "", &w);

    return r ? r : x->on_event(x->ctx, &w, x->req->body);
}

static int split(const struct webhook_request *req, struct str bridge_name,
                 int (*on_event)(void *ctx, const struct webhook *w, struct str body), void *ctx)
{
    static const struct json_path top[] = { { 0, { NULL } }, { 1, { "object" } }, { 2, { "entry" } } };
    struct split x = { .req = req, .bridge_name = bridge_name, .on_event = on_event, .ctx = ctx };
    struct json_value v[3];
    int r = json_in_find(req->body, top, 3, v);

    if (r == JSON_IN_BAD)
        return WEBHOOK_NOT_JSON;
    if (r || v[0].kind != JSON_IN_OBJECT || v[1].kind != JSON_IN_TEXT)
        return WEBHOOK_UNREADABLE;
    x.object = v[1];
    r = json_in_each_find(v[2], entry_paths, ARRAY_LEN(entry_paths), x.entry, on_entry, &x);
    return r || x.n > 0 ? r : on_other(&x);
}

static const char *const hook_marks[] = { "\"object\"", "\"entry\"", "\"whatsapp_business_account\"", NULL };
static const struct hook_form hooks = { .marks = hook_marks, .split = split };

static const int signatures[] = { SIGNATURE_HUB_256, 0 };

const struct bridge_driver bridge_cloud = {
    .name = "cloud",
    .what = "WhatsApp Cloud API: webhooks only, nothing is watched or reconnected",
    .source = "Meta's reference of the Cloud API",
    .limits = "it has no sessions to watch",
    .advice = "keep webhook-ingest near, as Meta wants its answer within a second; "
              "WEBHOOK_AUTH_TOKEN=APP_SECRET,VERIFY_TOKEN",
    .unreadable = "it is set in the app's settings at Meta, and this driver makes no calls",
    .key_header = "Authorization: Bearer ",
    .webhooks_only = true,
    .has_challenge = true,
    .signatures = signatures,
    .recognise = recognise,
    .form = &form,
    .hooks = &hooks,
};
