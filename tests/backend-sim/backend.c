/* One delivery: on_request → chance decides the outcome → note it → answer now, later or badly. */
#include "tests/backend-sim/backend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/json_in.h"
#include "common/base/mem.h"
#include "tests/http_cut.h"

/* A request that is answered later, or never. */
struct held {
    struct list in_backend;
    struct http_req *req;
    int64_t due_ms;
    enum record_outcome outcome;
};

enum field { FIELD_SESSION, FIELD_SEQ, FIELD_EVENTS };

/* The webhook's own body, our event body, a batch of them. */
static const struct json_path paths[] = {
    { FIELD_SESSION, { "sessionId" } },
    { FIELD_SESSION, { "session" } },
    { FIELD_SEQ, { "seq" } },
    { FIELD_EVENTS, { "events" } },
};
#define PATHS ((int)ARRAY_LEN(paths))

/* ---- noting ---------------------------------------------------------------------------------- */

static int64_t number(struct str s, int base)
{
    return s.p ? strtoll(s.p, NULL, base) : 0;
}

static void note_one(struct backend *b, struct record *rec, const struct json_value *values)
{
    struct str session = json_in_first(paths, values, PATHS, FIELD_SESSION, JSON_IN_TEXT).raw;

    (void)json_in_i64(json_in_first(paths, values, PATHS, FIELD_SEQ, JSON_IN_NUMBER), &rec->seq);
    rec->session = record_crc32(session.p, session.n);
    records_add(b->records, rec);
}

struct batch {
    struct backend *backend;
    struct record *rec;
};

static int note_item(void *ctx, struct json_value item)
{
    struct batch *batch = ctx;
    struct json_value values[PATHS];

    (void)json_in_find(item.raw, paths, PATHS, values);
    note_one(batch->backend, batch->rec, values);
    return 0;
}

/* "evt_<8 hex>_<seq>" and zapkeep-seq say which event it is; of a batch each of its events does. */
static void note(struct backend *b, struct http_req *r, enum record_outcome outcome)
{
    struct str body = http_req_body(r);
    struct str id = http_req_header(r, "webhook-id");
    struct json_value values[PATHS], events;
    struct record rec = { .seq = number(http_req_header(r, "zapkeep-seq"), 10),
                          .at_us = clock_mono_us(),
                          .log = str_starts(id, "evt_") ? (uint32_t)strtoul(id.p + 4, NULL, 16) : 0,
                          .body = record_crc32(body.p, body.n),
                          .attempt = (uint16_t)number(http_req_header(r, "zapkeep-attempt"), 10),
                          .outcome = (uint8_t)outcome };
    struct batch batch = { b, &rec };

    (void)json_in_find(body, paths, PATHS, values);
    events = json_in_first(paths, values, PATHS, FIELD_EVENTS, JSON_IN_ARRAY);
    rec.in_batch = events.kind == JSON_IN_ARRAY;
    if (rec.in_batch)
        (void)json_in_each(events, note_item, &batch);
    else
        note_one(b, &rec, values);
}

/* ---- answering ------------------------------------------------------------------------------- */

static void answer_ok(struct backend *b, struct http_req *r)
{
    note(b, r, RECORD_OK);
    http_respond(r, 200, "application/json", STR_LIT("{\"status\":\"ok\"}\n"), NULL);
}

static void hold(struct backend *b, struct http_req *r, enum record_outcome outcome, int64_t for_ms)
{
    struct held *h = mem_zalloc(sizeof *h);

    if (!h)
        abort();
    *h = (struct held){ .req = r, .due_ms = loop_now_ms(app_loop(b->app)) + for_ms, .outcome = outcome };
    list_append(&b->held, &h->in_backend);
}

void backend_tick(struct backend *b, bool all)
{
    int64_t now_ms = loop_now_ms(app_loop(b->app));

    LIST_FOR(it, &b->held)
    {
        struct held *h = container_of(it, struct held, in_backend);

        if (!all && h->due_ms > now_ms)
            continue;
        if (!all && h->outcome == RECORD_SLOW)
            answer_ok(b, h->req);
        else if (!all)
            http_respond_error(h->req, 504, "hung", "the caller has long gone", NULL);
        list_remove(&h->in_backend);
        mem_free(h);
    }
}

static enum record_outcome choose(struct backend *b)
{
    const struct faults *f = &b->faults;
    int64_t drawn = (int64_t)rng_below(&b->rng, 100 * 1000);

    if ((drawn -= f->fail) < 0)
        return RECORD_FAILED;
    if ((drawn -= f->hang) < 0)
        return RECORD_HUNG;
    if ((drawn -= f->cut) < 0)
        return RECORD_CUT;
    return drawn - f->slow < 0 ? RECORD_SLOW : RECORD_OK;
}

/* Is it an event of the session that is refused? */
static bool is_refused(const struct backend *b, struct http_req *r)
{
    struct json_value values[PATHS];
    struct str session;

    if (b->faults.refuse == 0)
        return false;
    (void)json_in_find(http_req_body(r), paths, PATHS, values);
    session = json_in_first(paths, values, PATHS, FIELD_SESSION, JSON_IN_TEXT).raw;
    return record_crc32(session.p, session.n) == b->faults.refuse;
}

/* 0: by chance. */
static int wanted_answer(const struct backend *b, struct http_req *r)
{
    return b->faults.answer == 0 && is_refused(b, r) ? 422 : b->faults.answer;
}

static void answer_as_wanted(struct backend *b, struct http_req *r, int status)
{
    const char *headers = status == 429       ? "Retry-After: 1\n"
                          : status / 100 == 3 ? "Location: http://127.0.0.1:1/elsewhere\n"
                                              : NULL;

    note(b, r, RECORD_FAILED);
    http_respond_error(r, status, "wanted", "told to answer so", headers);
}

static void take_delivery(struct backend *b, struct http_req *r)
{
    int wanted = wanted_answer(b, r);
    enum record_outcome outcome = wanted ? RECORD_FAILED : choose(b);

    if (wanted) {
        answer_as_wanted(b, r, wanted);
        return;
    }
    if (outcome == RECORD_OK) {
        answer_ok(b, r);
        return;
    }
    note(b, r, outcome);
    if (outcome == RECORD_FAILED)
        http_respond_error(r, 503, "unlucky", "told to fail", NULL);
    else if (outcome == RECORD_CUT)
        http_respond_cut(r, 200, "application/json", STR_LIT("{\"status\":\"ok, and then the cable\"}"));
    else
        hold(b, r, outcome, outcome == RECORD_SLOW ? b->settings.slow_ms : b->settings.hang_ms);
}

/* ---- orders and questions -------------------------------------------------------------------- */

/* "fail=2.5" of "…&fail=2.5&…" in thousandths of a percent. */
static int64_t share(struct http_req *r, const char *key)
{
    struct str q = http_req_query(r);
    const char *p = q.p ? strstr(q.p, key) : NULL;

    return p ? (int64_t)(strtod(p + strlen(key), NULL) * 1000 + 0.5) : 0;
}

/* CRC-32 of the name in "refuse=NAME", 0: there is none. */
static uint32_t refused(struct http_req *r)
{
    static const char key[] = "refuse=";
    struct str q = http_req_query(r);
    const char *p = q.p ? strstr(q.p, key) : NULL;

    return p ? record_crc32(p + sizeof key - 1, strcspn(p + sizeof key - 1, "&")) : 0;
}

static void set_faults(struct backend *b, struct http_req *r)
{
    b->faults = (struct faults){ .fail = share(r, "fail="),
                                 .hang = share(r, "hang="),
                                 .cut = share(r, "cut="),
                                 .slow = share(r, "slow="),
                                 .answer = (int)(share(r, "answer=") / 1000),
                                 .refuse = refused(r) };
    http_respond(r, 200, "application/json", STR_LIT("{\"status\":\"ok\"}\n"), NULL);
}

static void tell_state(struct backend *b, struct http_req *r)
{
    static const char *const names[RECORD_N] = { "", "ok", "failed", "hung", "cut", "slow" };
    CLEANUP(buf_fini) struct buf out = BUF_INIT(4096);

    (void)buf_addf(&out, "{\"distinct\":%lld", (long long)records_distinct(b->records));
    for (int i = RECORD_OK; i < RECORD_N; i++)
        (void)buf_addf(&out, ",\"%s\":%lld", names[i],
                       (long long)records_count(b->records, (enum record_outcome)i));
    (void)buf_adds(&out, "}\n");
    http_respond(r, 200, "application/json", (struct str){ buf_str(&out), out.len }, NULL);
}

static void on_request(void *ctx, struct http_req *r)
{
    struct backend *b = ctx;

    if (str_eq(http_req_path(r), "/-/state"))
        tell_state(b, r);
    else if (str_eq(http_req_path(r), "/-/faults"))
        set_faults(b, r);
    else if (str_eq(http_req_method(r), "POST"))
        take_delivery(b, r);
    else
        http_respond_error(r, 405, "method_not_allowed", "POST", "Allow: POST\n");
}

const struct http_handlers backend_handlers = { .on_request = on_request };
