/* API tokens and the audit list. */
#include <errno.h>
#include <string.h>

#include "common/base/mem.h"
#include "services/console/audit_json.h"
#include "services/console/handlers.h"
#include "services/console/stores.h"

static const char *role_text(enum access_role role)
{
    return role == ACCESS_OPERATOR ? "operator" : "viewer";
}

static int on_token(void *ctx, const struct access_row *row)
{
    struct json_out *j = ctx;

    json_open(j, NULL, '{');
    json_int(j, "id", row->id);
    json_texts(j, "name", row->name);
    json_texts(j, "role", role_text(row->role));
    json_int(j, "created_at", row->created_at);
    json_int(j, "used_at", row->used_at);
    json_texts(j, "actor", row->actor);
    json_close(j, '}');
    return 0;
}

void handle_tokens(struct exchange *e)
{
    CLEANUP(buf_fini) struct buf json = BUF_INIT(EXCHANGE_ANSWER_MAX);
    struct json_out j = JSON_OUT(&json);
    struct db *db;
    int r = stores_state(e->c->stores, &db);

    json_open(&j, NULL, '{');
    json_open(&j, "tokens", '[');
    if (r == 0)
        r = access_each(db, ACCESS_TOKEN, on_token, &j);
    json_close(&j, ']');
    json_close(&j, '}');
    if (r != 0)
        exchange_store_error(e, STATE_DB_FILE, r);
    else
        exchange_answer(e, 200, &json);
}

void handle_token_create(struct exchange *e)
{
    CLEANUP(buf_fini) struct buf json = BUF_INIT(4096);
    struct json_out j = JSON_OUT(&json);
    char name[ACCESS_NAME_MAX], role[16], token[LOGIN_SECRET_MAX + 8];
    int64_t id = 0;
    int r;

    exchange_text(e, NULL, "name", name, sizeof name);
    exchange_text(e, NULL, "role", role, sizeof role);
    if (!exchange_fits(e))
        return;
    if (!text_is_id(str_from(name)) || (strcmp(role, "viewer") != 0 && strcmp(role, "operator") != 0)) {
        exchange_error(e, 400, "bad_request",
                       "a token has a name of letters, digits, '-' and '_', and the role viewer or operator");
        return;
    }
    r = login_make_token(e->c->login, name, role[0] == 'o' ? ACCESS_OPERATOR : ACCESS_VIEWER, e->who.actor,
                         token, &id);
    if (r == -ENOSPC) {
        exchange_error(e, 409, "too_many", "there are %d tokens; remove some", ACCESS_MAX);
        return;
    }
    if (r != 0) {
        exchange_store_error(e, STATE_DB_FILE, r);
        return;
    }
    exchange_audit(e, "token.create", "", "", true, "%s (%s)", name, role);
    json_open(&j, NULL, '{');
    json_int(&j, "id", id);
    json_texts(&j, "token", token);
    json_close(&j, '}');
    exchange_answer(e, 201, &json);
}

void handle_token_remove(struct exchange *e)
{
    struct db *db;
    int64_t id = 0;
    int r = stores_state(e->c->stores, &db);

    if (r == 0)
        r = text_to_i64(e->param[0], &id) == 0 ? access_remove(db, ACCESS_TOKEN, id) : ACCESS_NONE;
    if (r < 0) {
        exchange_store_error(e, STATE_DB_FILE, r);
    } else if (r == ACCESS_NONE) {
        exchange_error(e, 404, "not_found", "there is no token %s", e->param[0]);
    } else {
        exchange_audit(e, "token.remove", "", "", true, "number %lld", (long long)id);
        exchange_nothing(e);
    }
}

/* ---- the audit list -------------------------------------------------------------------------- */

struct audit_page {
    struct json_out j;
    int n;
    int64_t last;
};

static int on_audit(void *ctx, const struct audit_row *row)
{
    struct audit_page *p = ctx;

    audit_json(&p->j, row);
    p->n++;
    p->last = row->n;
    return 0;
}

void handle_audit(struct exchange *e)
{
    CLEANUP(buf_fini) struct buf json = BUF_INIT(EXCHANGE_ANSWER_MAX);
    struct audit_page p = { .j = JSON_OUT(&json) };
    char bridge[SESSIONS_ID_MAX], session[SESSIONS_ID_MAX];
    int limit = (int)exchange_query_int(e, "limit", 100, 1, EXCHANGE_LIMIT_MAX);
    struct db *db;
    int r = stores_state(e->c->stores, &db);

    exchange_query(e, "bridge", bridge, sizeof bridge);
    exchange_query(e, "session", session, sizeof session);
    if (!exchange_fits(e))
        return;
    json_open(&p.j, NULL, '{');
    json_open(&p.j, "rows", '[');
    if (r == 0)
        r = audit_each(db, bridge[0] ? bridge : NULL, session[0] ? session : NULL,
                       exchange_query_int(e, "before", 0, 0, INT64_MAX), limit, on_audit, &p);
    json_close(&p.j, ']');
    json_int(&p.j, "next_before", p.n == limit ? p.last : 0);
    json_close(&p.j, '}');
    if (r != 0)
        exchange_store_error(e, STATE_DB_FILE, r);
    else
        exchange_answer(e, 200, &json);
}
