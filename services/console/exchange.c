#include "services/console/exchange.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/base/json_in.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/percent.h"
#include "services/console/audit_json.h"
#include "services/console/live.h"
#include "services/console/stores.h"

/* Nothing of the API may be kept by a browser or a proxy. */
#define HEADERS "Cache-Control: no-store\nX-Content-Type-Options: nosniff\n"

/* ---- of the request -------------------------------------------------------------------------- */

void exchange_query(struct exchange *e, const char *key, char *ret, size_t n)
{
    struct str query = http_req_query(e->http);

    if (!web_path_query(query, key, ret, n) && percent_field(query, key).p)
        e->misfit = key;
}

bool exchange_fits(struct exchange *e)
{
    if (!e->misfit)
        return true;
    exchange_error(e, 400, "bad_request", "the value of \"%s\" is of another kind, or too long", e->misfit);
    return false;
}

int64_t exchange_query_int(struct exchange *e, const char *key, int64_t fallback, int64_t min, int64_t max)
{
    char text[32];
    int64_t v;

    exchange_query(e, key, text, sizeof text);
    if (text_to_i64(text, &v) != 0)
        v = fallback;
    return v < min ? min : v > max ? max : v;
}

static struct json_value value_of(const struct exchange *e, const char *part, const char *key)
{
    const struct json_path path = { 0, { part ? part : key, part ? key : NULL } };
    struct json_value v = { 0 };

    if (json_in_find(http_req_body(e->http), &path, 1, &v) != 0)
        v.kind = JSON_IN_ABSENT;
    return v;
}

static bool is_there(struct json_value v)
{
    return v.kind != JSON_IN_ABSENT && v.kind != JSON_IN_NULL;
}

/* False: it is no text, or was cut. */
static bool text_of(struct json_value v, char *ret, size_t n)
{
    CLEANUP(buf_fini) struct buf whole = BUF_INIT(n - 1);

    (void)json_in_text(v, ret, n);
    return v.kind == JSON_IN_TEXT && json_in_text_add(v, &whole) == 0;
}

void exchange_text(struct exchange *e, const char *part, const char *key, char *ret, size_t n)
{
    struct json_value v = value_of(e, part, key);

    if (!text_of(v, ret, n) && is_there(v))
        e->misfit = key;
}

void exchange_item_text(struct exchange *e, const char *key, struct json_value item, char *ret, size_t n)
{
    if (!text_of(item, ret, n) || !*ret)
        e->misfit = key;
}

bool exchange_bool(struct exchange *e, const char *key)
{
    struct json_value v = value_of(e, NULL, key);

    if (is_there(v) && v.kind != JSON_IN_TRUE && v.kind != JSON_IN_FALSE)
        e->misfit = key;
    return v.kind == JSON_IN_TRUE;
}

int64_t exchange_int(struct exchange *e, const char *part, const char *key)
{
    struct json_value v = value_of(e, part, key);
    int64_t n = 0;

    if (json_in_i64(v, &n) != 0 && is_there(v))
        e->misfit = key;
    return n;
}

void exchange_each(struct exchange *e, const char *key, int (*on_item)(void *ctx, struct json_value item),
                   void *ctx)
{
    struct json_value list = value_of(e, NULL, key);

    if (list.kind == JSON_IN_ARRAY)
        (void)json_in_each(list, on_item, ctx);
    else if (is_there(list))
        e->misfit = key;
}

bool exchange_has(struct exchange *e, const char *key, enum json_in_kind kind)
{
    struct json_value v = value_of(e, NULL, key);

    if (is_there(v) && v.kind != kind)
        e->misfit = key;
    return is_there(v);
}

/* ---- answers --------------------------------------------------------------------------------- */

void exchange_answer(struct exchange *e, int status, struct buf *json)
{
    if (buf_error(json) != 0) {
        exchange_error(e, 500, "too_large", "the answer is too large or memory is short: ask for less");
        return;
    }
    (void)buf_adds(json, "\n");
    http_respond(e->http, status, "application/json", (struct str){ buf_str(json), json->len }, HEADERS);
    e->http = NULL;
}

void exchange_nothing(struct exchange *e)
{
    http_respond(e->http, 204, NULL, STR_NULL, HEADERS);
    e->http = NULL;
}

void exchange_error(struct exchange *e, int status, const char *error, const char *fmt, ...)
{
    char detail[600];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(detail, sizeof detail, fmt, ap);
    va_end(ap);
    http_respond_error(e->http, status, error, detail, status == 503 ? HEADERS "Retry-After: 2\n" : HEADERS);
    e->http = NULL;
}

void exchange_store_error(struct exchange *e, const char *part, int r)
{
    char problem[600];

    exchange_error(e, 503, "store_unavailable", "%s",
                   stores_problem(e->c->stores, part, r, problem, sizeof problem));
}

/* ---- the audit list -------------------------------------------------------------------------- */

void exchange_audit(const struct exchange *e, const char *action, const char *bridge, const char *session,
                    bool ok, const char *fmt, ...)
{
    struct audit_row row = { .at = stores_wall_ms(e->c->stores), .ok = ok };
    struct db *db;
    va_list ap;
    int r = stores_state(e->c->stores, &db);

    va_start(ap, fmt);
    (void)vsnprintf(row.detail, sizeof row.detail, fmt, ap);
    va_end(ap);
    str_copy(str_from(e->who.actor), row.actor, sizeof row.actor);
    str_copy(str_from(e->address), row.address, sizeof row.address);
    str_copy(str_from(action), row.action, sizeof row.action);
    str_copy(str_from(bridge), row.bridge, sizeof row.bridge);
    str_copy(str_from(session), row.session, sizeof row.session);
    if (r == 0)
        r = audit_add(db, &row, &row.n);
    if (r == 0)
        live_audit(e->c->live, &row);
    else
        log_error("audit-not-written", "a change could not be written into the audit list",
                  KS("action", action), KS("actor", row.actor), KS("session", session),
                  KS("error", err_text(r)));
}
