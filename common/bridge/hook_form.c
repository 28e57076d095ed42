#include "common/bridge/hook_form.h"

#include <string.h>

#include "common/base/mem.h"
#include "common/bridge/answer.h"
#include "common/bridge/drop.h"

/* Below 0 is an error, 0 waits. */
const struct hook_word hook_ack_numbers[] = {
    { "1", EVENT_TYPE_MESSAGE_SENT }, /* the server has it */
    { "2", EVENT_TYPE_MESSAGE_DELIVERED },
    { "3", EVENT_TYPE_MESSAGE_READ },
    { "4", EVENT_TYPE_MESSAGE_READ }, /* played */
    { NULL, 0 },
};

static struct json_value first(const struct hook_form *f, const struct json_value *v, enum hook_field field,
                               enum json_in_kind kind)
{
    return json_in_first(f->paths, v, f->n_paths, (int)field, kind);
}

/* The first of these that is a text or, else, a number. */
static struct json_value scalar(const struct hook_form *f, const struct json_value *v, enum hook_field field)
{
    struct json_value text = first(f, v, field, JSON_IN_TEXT);

    return text.kind == JSON_IN_TEXT ? text : first(f, v, field, JSON_IN_NUMBER);
}

static int64_t time_of(const struct hook_form *f, const struct json_value *v, enum hook_field field)
{
    int64_t t = 0;

    for (int i = 0; i < f->n_paths && t == 0; i++) {
        if (f->paths[i].field == (int)field)
            t = webhook_time_of(v[i]);
    }
    return t;
}

/* -- the type -- */

static int meaning_of(const struct hook_word *words, struct json_value v)
{
    for (; words && words->word; words++) {
        if (v.kind == JSON_IN_TEXT ? json_in_is(v, words->word) : str_eq(v.raw, words->word))
            return words->meaning;
    }
    return EVENT_TYPE_EVENT_OTHER;
}

static enum event_type type_of_state(enum session_state state)
{
    switch (state) {
    case SESSION_CONNECTED:
        return EVENT_TYPE_SESSION_CONNECTED;
    case SESSION_QR_PENDING:
        return EVENT_TYPE_SESSION_QR;
    case SESSION_ACTION_REQUIRED:
        return EVENT_TYPE_SESSION_ACTION_REQUIRED;
    case SESSION_DISCONNECTED:
    case SESSION_LOGGED_OUT:
    case SESSION_FAILED:
        return EVENT_TYPE_SESSION_DISCONNECTED;
    default:
        return EVENT_TYPE_SESSION_STATUS;
    }
}

#define LOGGED_OUT 401

static void take_state(const struct hook_form *f, const struct json_value *v, struct webhook *w)
{
    char word[40];
    int state = answer_state_of(f->words, json_in_text(scalar(f, v, HOOK_STATE), word, sizeof word));

    w->type = state < 0 ? EVENT_TYPE_SESSION_STATUS : type_of_state((enum session_state)state);
    if (state == SESSION_LOGGED_OUT)
        w->code = LOGGED_OUT;
}

static void take_type(const struct hook_form *f, const struct json_value *v, struct webhook *w)
{
    int meaning = meaning_of(f->events, first(f, v, HOOK_EVENT, JSON_IN_TEXT));

    if (meaning == HOOK_IS_STATE)
        take_state(f, v, w);
    else if (meaning == HOOK_IS_MESSAGE)
        w->type = first(f, v, HOOK_FROM_ME, JSON_IN_TRUE).kind == JSON_IN_TRUE ? EVENT_TYPE_MESSAGE_SENT
                                                                               : EVENT_TYPE_MESSAGE_RECEIVED;
    else
        w->type =
            (enum event_type)(meaning == HOOK_IS_ACK ? meaning_of(f->acks, scalar(f, v, HOOK_ACK)) : meaning);
}

/* Some bridges repeat a state again and again; this recognizes the equal ones. */
static int take_state_digest(const struct hook_form *f, const struct json_value *v, struct str bridge,
                             struct webhook *w)
{
    struct json_value same = first(f, v, HOOK_SAME, JSON_IN_OBJECT);
    const struct webhook_request part = { .body = same.raw };
    struct webhook of_part = { .type = w->type };
    int r;

    if (same.kind != JSON_IN_OBJECT ||
        meaning_of(f->events, first(f, v, HOOK_EVENT, JSON_IN_TEXT)) != HOOK_IS_STATE)
        return 0;
    r = webhook_make_key(&part, bridge, "", &of_part);
    w->key.has_state = r == 0;
    memcpy(w->key.state, of_part.key.digest, sizeof w->key.state);
    return r;
}

/* -- all of it -- */

static int take_key(const struct hook_form *f, const struct json_value *v, const struct webhook_request *req,
                    struct str bridge_name, struct webhook *w)
{
    char event_id[WEBHOOK_EVENT_ID_MAX + 1] = "";
    bool is_ack = meaning_of(f->events, first(f, v, HOOK_EVENT, JSON_IN_TEXT)) == HOOK_IS_ACK;

    w->key.time_ms = time_of(f, v, HOOK_KEY_TIME);
    if (w->key.time_ms == 0)
        w->key.time_ms = w->occurred_at;
    w->key.is_unique = w->key.is_unique || f->dedupe == HOOK_NEVER;
    if (f->dedupe == HOOK_BY_ID && !(is_ack && f->acks_by_body))
        json_in_text(first(f, v, HOOK_ID, JSON_IN_TEXT), event_id, sizeof event_id);
    return webhook_make_key(req, bridge_name, event_id, w);
}

int hook_read(const struct hook_form *f, const struct webhook_request *req, struct str bridge_name,
              struct webhook *ret)
{
    struct webhook w = { .should_reconnect = true };
    struct json_value v[HOOK_PATHS_MAX];
    int r = json_in_find(req->body, f->paths, f->n_paths, v);

    if (r == JSON_IN_BAD)
        return WEBHOOK_NOT_JSON;
    if (r || first(f, v, HOOK_TOP, JSON_IN_OBJECT).kind != JSON_IN_OBJECT ||
        first(f, v, HOOK_EVENT, JSON_IN_TEXT).kind != JSON_IN_TEXT)
        return WEBHOOK_UNREADABLE;
    take_type(f, v, &w);
    w.occurred_at = time_of(f, v, HOOK_TIME);
    webhook_read_session(scalar(f, v, HOOK_SESSION), w.session);
    json_in_text(first(f, v, HOOK_MESSAGE, JSON_IN_TEXT), w.message_id, sizeof w.message_id);
    if (w.type == EVENT_TYPE_SESSION_DISCONNECTED && w.code == 0)
        w.code = drop_code_of(scalar(f, v, HOOK_CODE));
    if (f->settle)
        f->settle(f, v, &w);
    r = take_key(f, v, req, bridge_name, &w);
    if (r == 0)
        r = take_state_digest(f, v, bridge_name, &w);
    if (r == 0)
        *ret = w;
    return r;
}

/* The first "event" is this bridge's. */
static bool has_own_event(const struct hook_form *f, struct str body)
{
    const char *at = body.n ? memmem(body.p, body.n, "\"event\"", 7) : NULL, *stop = body.p + body.n, *end;

    if (!at)
        return false;
    for (at += 7; at < stop && strchr(" \t\r\n:", *at); at++)
        ;
    end = at < stop && *at == '"' ? memchr(at + 1, '"', (size_t)(stop - at) - 1) : NULL;
    for (const struct hook_word *word = f->events; end && word->word; word++) {
        if (str_eq((struct str){ at + 1, (size_t)(end - at) - 1 }, word->word))
            return true;
    }
    return false;
}

bool hook_is_own(const struct hook_form *f, struct str body)
{
    if (f->own_events)
        return has_own_event(f, body);
    for (const char *const *mark = f->marks; mark && *mark; mark++) {
        if (!body.n || !memmem(body.p, body.n, *mark, strlen(*mark)))
            return false;
    }
    return f->marks != NULL;
}
