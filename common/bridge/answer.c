/*
 * Answers of bridges: the HTTP status first, then the body, then the fields of a session.
 */
#include "common/bridge/answer.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "common/base/json_in.h"
#include "common/base/mem.h"
#include "common/bridge/drop.h"

/* -- HTTP status -- */

int answer_status(const struct bridge_answer *a)
{
    int s = a->status;

    if (s >= 200 && s < 300)
        return 0;
    if (s == 0)
        return BRIDGE_NO_ANSWER;
    if (s == 401 || s == 403)
        return BRIDGE_UNAUTHORIZED;
    if (s == 404 || s == 405 || s == 501)
        return BRIDGE_NO_ROUTE;
    if (s == 409)
        return BRIDGE_CONFLICT;
    if (s == 429)
        return BRIDGE_THROTTLED;
    if (s >= 500)
        return BRIDGE_BROKEN;
    return s >= 400 ? BRIDGE_REFUSED : BRIDGE_GARBAGE;
}

int answer_status_of_session(const struct bridge_answer *a)
{
    if (a->status == 404 && (a->body.n == 0 || !answer_is_unrouted(a)))
        return BRIDGE_NO_SESSION;
    return answer_status(a);
}

bool answer_says(const struct bridge_answer *a, const char *text)
{
    return a->body.n && memmem(a->body.p, a->body.n, text, strlen(text));
}

bool answer_is_json(const struct bridge_answer *a)
{
    return json_in_find(a->body, NULL, 0, NULL) == 0;
}

bool answer_is_framework_miss(const struct bridge_answer *a)
{
    static const char *const words[] = { "Cannot GET ", "Cannot POST ",  "Cannot DELETE ",  "Route GET:",
                                         "Route POST:", "Route DELETE:", "no Route matched" };

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (answer_says(a, words[i]))
            return true;
    }
    return false;
}

bool answer_is_unrouted(const struct bridge_answer *a)
{
    if (a->status == 405 || a->status == 501)
        return true;
    return !answer_is_json(a) || (a->status == 404 && answer_is_framework_miss(a));
}

/* -- probes -- */

bool answer_is_routed(const struct bridge_answer *a)
{
    int s = a->status;

    return ((s >= 200 && s < 300) || s == 400 || s == 404 || s == 410 || s == 422) && !answer_is_unrouted(a);
}

enum probe_verdict answer_probe(const struct bridge_answer *a)
{
    int kind = answer_status(a);

    if (kind == BRIDGE_UNAUTHORIZED)
        return PROBE_UNAUTHORIZED;
    if (kind == BRIDGE_NO_ANSWER || kind == BRIDGE_BROKEN || a->status == 408 || a->status == 429)
        return PROBE_NOT_YET;
    return PROBE_YES;
}

/* -- errors in a body -- */

bool answer_says_error(const struct bridge_answer *a)
{
    return answer_error(a, true);
}

/* Where a body says an error, and how. */
enum { ERROR, FINE, STATUS };
static const struct json_path error_paths[] = {
    { ERROR, { "error" } },  { FINE, { "success" } },  { FINE, { "ok" } },
    { FINE, { "healthy" } }, { STATUS, { "status" } },
};
#define ERROR_PATHS ((int)ARRAY_LEN(error_paths))

/* @v: the values at error_paths. */
static bool is_error(const struct json_value v[ERROR_PATHS], bool by_status)
{
    static const char *const bad[] = { "error", "failed", "fail", "down", "unhealthy" };
    char word[16];

    if (v[0].kind == JSON_IN_TRUE || v[0].kind == JSON_IN_OBJECT || (v[0].kind == JSON_IN_TEXT && v[0].raw.n))
        return true;
    if (v[1].kind == JSON_IN_FALSE || v[2].kind == JSON_IN_FALSE || v[3].kind == JSON_IN_FALSE)
        return true;
    json_in_text(by_status ? v[4] : (struct json_value){ 0 }, word, sizeof word);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (strcasecmp(word, bad[i]) == 0)
            return true;
    }
    return false;
}

bool answer_error(const struct bridge_answer *a, bool by_status)
{
    struct json_value v[ERROR_PATHS];

    return json_in_find(a->body, error_paths, ERROR_PATHS, v) == 0 && is_error(v, by_status);
}

/* -- a session -- */

int answer_state_of(const struct bridge_word *words, const char *word)
{
    for (; words->word; words++) {
        /* the first letter spares most of the calls: a list has many of these */
        if ((word[0] | 32) == words->word[0] && strcasecmp(word, words->word) == 0)
            return (int)words->state;
    }
    return -1;
}

/* The first value of each field that is of the field's kind, in one pass: a list has a session 10,000 times. */
static void read_fields(const struct answer_form *f, const struct json_value *v,
                        struct json_value ret[ANSWER_FIELDS])
{
    static const enum json_in_kind kinds[ANSWER_FIELDS] = {
        [ANSWER_TOP] = JSON_IN_OBJECT,     [ANSWER_ID] = JSON_IN_TEXT,    [ANSWER_STATUS] = JSON_IN_TEXT,
        [ANSWER_PHONE] = JSON_IN_TEXT,     [ANSWER_NAME] = JSON_IN_TEXT,  [ANSWER_AGAIN] = JSON_IN_TRUE,
        [ANSWER_QR] = JSON_IN_TEXT,        [ANSWER_ERROR] = JSON_IN_TEXT, [ANSWER_CONNECTED] = JSON_IN_TRUE,
        [ANSWER_LOGGED_IN] = JSON_IN_TRUE,
    };

    memset(ret, 0, ANSWER_FIELDS * sizeof ret[0]);
    for (int i = 0; i < f->n_paths; i++) {
        int field = f->paths[i].field;
        enum json_in_kind kind = v[i].kind == JSON_IN_FALSE ? JSON_IN_TRUE : v[i].kind;

        if (kind == kinds[field] && ret[field].kind == JSON_IN_ABSENT)
            ret[field] = v[i];
    }
}

/* The first status whose word is known: {"status":"success","data":{"status":"connected"}} has two. Without one
 * raw_status is the innermost word there is. */
static void read_state(const struct answer_form *f, const struct json_value *v, struct json_value innermost,
                       struct bridge_session *s)
{
    for (int i = 0; i < f->n_paths; i++) {
        int state;

        if (f->paths[i].field != ANSWER_STATUS || v[i].kind != JSON_IN_TEXT)
            continue;
        state = answer_state_of(f->words, json_in_text(v[i], s->raw_status, sizeof s->raw_status));
        if (state < 0)
            continue;
        s->state = (enum session_state)state;
        return;
    }
    json_in_text(innermost, s->raw_status, sizeof s->raw_status);
}

/* "5511988887777@c.us" and "5511988887777:7@s.whatsapp.net" are numbers with WhatsApp's address behind them. */
static void read_phone(struct json_value phone, char *ret, size_t n)
{
    json_in_text(phone, ret, n);
    ret[strcspn(ret, "@:")] = '\0';
}

static int read_qr(struct json_value text, struct buf *ret)
{
    CLEANUP(buf_fini) struct buf qr = BUF_INIT(ANSWER_QR_MAX);
    int r = json_in_text_add(text, &qr);

    if (r)
        return r == -EMSGSIZE ? BRIDGE_GARBAGE : r;
    *ret = qr;
    qr = BUF_NULL;
    return 0;
}

static int read_session(const struct answer_form *f, const struct json_value *v, enum session_state otherwise,
                        struct bridge_session *ret, struct json_value *ret_qr)
{
    struct bridge_session s = { .state = otherwise };
    struct json_value got[ANSWER_FIELDS];

    read_fields(f, v, got);
    if (got[ANSWER_TOP].kind == JSON_IN_ABSENT)
        return BRIDGE_GARBAGE;
    read_state(f, v, got[ANSWER_STATUS], &s);
    if (f->settle)
        f->settle(got, &s);
    if (got[ANSWER_ID].kind == JSON_IN_ABSENT)
        got[ANSWER_ID] = json_in_first(f->paths, v, f->n_paths, ANSWER_ID, JSON_IN_NUMBER);
    webhook_read_session(got[ANSWER_ID], s.id);
    if (s.state == SESSION_STATE_N || (s.state == SESSION_UNKNOWN && !s.raw_status[0] && !s.id[0]))
        return BRIDGE_GARBAGE; /* nothing of a session is in it */
    read_phone(got[ANSWER_PHONE], s.phone, sizeof s.phone);
    json_in_text(got[ANSWER_NAME], s.name, sizeof s.name);
    s.code = s.state == SESSION_CONNECTED ? 0 : drop_code_in(got[ANSWER_ERROR]);
    s.reconnectable = s.state != SESSION_LOGGED_OUT && got[ANSWER_AGAIN].kind != JSON_IN_FALSE;
    *ret = s;
    *ret_qr = got[ANSWER_QR];
    return 0;
}

int answer_session(const struct answer_form *f, struct str json, enum session_state otherwise,
                   struct bridge_session *ret, struct buf *ret_qr)
{
    struct json_value v[ANSWER_PATHS_MAX], qr;
    struct bridge_session s;
    int r = json_in_find(json, f->paths, f->n_paths, v);

    r = r ? BRIDGE_GARBAGE : read_session(f, v, otherwise, &s, &qr);
    if (r == 0 && ret_qr)
        r = read_qr(qr, ret_qr);
    if (r == 0)
        *ret = s;
    return r;
}

void answer_move_qr(const struct bridge_session *s, struct buf *qr, struct buf *ret_qr)
{
    *ret_qr = BUF_NULL;
    if (s->state != SESSION_QR_PENDING)
        return;
    *ret_qr = *qr;
    *qr = BUF_NULL;
}

/* -- a list -- */

struct each {
    const struct answer_form *form;
    int (*on_session)(void *ctx, const struct bridge_session *s);
    void *ctx;
    int skipped;
    struct json_value v[ANSWER_PATHS_MAX];
};

static int on_item(void *ctx, struct json_value item)
{
    struct each *e = ctx;
    struct bridge_session s;
    struct json_value qr;

    if (read_session(e->form, e->v, SESSION_UNKNOWN, &s, &qr) || !s.id[0]) {
        e->skipped++;
        return 0;
    }
    return e->on_session(e->ctx, &s);
}

int answer_each(const struct answer_form *f, struct json_value list,
                int (*on_session)(void *ctx, const struct bridge_session *s), void *ctx, int *ret_skipped)
{
    struct each e = { .form = f, .on_session = on_session, .ctx = ctx };
    int r = json_in_each_find(list, f->paths, f->n_paths, e.v, on_item, &e);

    if (r == 0)
        *ret_skipped = e.skipped;
    return r;
}

/* Keys that say: these are not all. */
static const struct json_path page_paths[] = {
    { 0, { "hasMore" } },
    { 0, { "has_more" } },
    { 0, { "data", "hasMore" } },
    { 0, { "pagination", "hasMore" } },
    { 1, { "next" } },
    { 1, { "nextPage" } },
    { 1, { "next_cursor" } },
    { 1, { "pagination", "next" } },
    { 2, { "total" } },
    { 2, { "data", "total" } },
    { 2, { "pagination", "total" } },
    { 2, { "meta", "total" } },
};
#define PAGE_PATHS ((int)ARRAY_LEN(page_paths))
_Static_assert(ARRAY_LEN(error_paths) + ARRAY_LEN(page_paths) + ANSWER_LIST_PATHS_MAX <= JSON_IN_PATHS_MAX,
               "answer_find_list() looks for all of them in one walk");

static int count_item(void *ctx, struct json_value item)
{
    int64_t *n = ctx;

    (*n)++;
    return 0;
}

/* @v: the values at page_paths. */
static bool is_page(const struct json_value v[PAGE_PATHS], struct json_value list)
{
    struct json_value next;
    int64_t total = 0, n = 0;

    if (json_in_first(page_paths, v, PAGE_PATHS, 0, JSON_IN_TRUE).kind == JSON_IN_TRUE)
        return true;
    next = json_in_first(page_paths, v, PAGE_PATHS, 1, JSON_IN_TEXT);
    if (next.raw.n > 0 || json_in_first(page_paths, v, PAGE_PATHS, 1, JSON_IN_NUMBER).raw.n > 0)
        return true;
    if (json_in_i64(json_in_first(page_paths, v, PAGE_PATHS, 2, JSON_IN_NUMBER), &total))
        return false;
    (void)json_in_each(list, count_item, &n);
    return total > n;
}

int answer_find_list(const struct bridge_answer *a, const struct json_path *at, int n, struct json_value *ret)
{
    struct json_path paths[JSON_IN_PATHS_MAX];
    struct json_value v[JSON_IN_PATHS_MAX];
    const struct json_value *page = v + ERROR_PATHS, *list = page + PAGE_PATHS;
    int r;

    memcpy(paths, error_paths, sizeof error_paths);
    memcpy(paths + ERROR_PATHS, page_paths, sizeof page_paths);
    memcpy(paths + ERROR_PATHS + PAGE_PATHS, at, (size_t)n * sizeof *at);
    r = json_in_find(a->body, paths, ERROR_PATHS + PAGE_PATHS + n, v);
    *ret = json_in_first(at, list, n, 0, JSON_IN_ARRAY);
    if (r)
        return BRIDGE_GARBAGE;
    if (is_error(v, true))
        return BRIDGE_REFUSED;
    return is_page(page, *ret) ? BRIDGE_PAGED : 0;
}

/* -- health -- */

int answer_read_health(const struct bridge_answer *a)
{
    int r = answer_status(a);

    if (r)
        return r;
    return answer_says_error(a) ? BRIDGE_BROKEN : 0;
}
