/* Login, logout, and the identity of a login. */
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "services/console/handlers.h"
#include "services/console/password.h"
#include "services/console/stores.h"

static void write_me(const struct exchange *e, const struct identity *who, struct buf *out)
{
    struct json_out j = JSON_OUT(out);

    json_open(&j, NULL, '{');
    json_texts(&j, "role", who->role == ACCESS_OPERATOR ? "operator" : "viewer");
    json_texts(&j, "actor", who->actor);
    json_texts(&j, "csrf", who->csrf);
    json_int(&j, "expires_at", who->expires_at);
    json_texts(&j, "version", ZK_VERSION);
    json_texts(&j, "base_path", e->c->url.base);
    json_texts(&j, "grafana_url", e->c->settings->grafana_url);
    json_int(&j, "now", stores_wall_ms(e->c->stores));
    json_close(&j, '}');
}

/* The browser keeps the cookie until the browser ends; the time of a login is ours to know. */
static void answer_with_cookie(struct exchange *e, const char *value, bool over, struct buf *json)
{
    char headers[512];

    if (json->len > 0)
        (void)buf_adds(json, "\n");
    (void)snprintf(headers, sizeof headers,
                   "Set-Cookie: %s=%s; Path=%s/; HttpOnly; SameSite=Strict%s%s\n"
                   "Cache-Control: no-store\n",
                   login_cookie(e->c), value, e->c->url.base, e->c->url.https ? "; Secure" : "",
                   over ? "; Max-Age=0" : "");
    http_respond(e->http, over ? 204 : 200, over ? NULL : "application/json",
                 over ? STR_NULL : (struct str){ buf_str(json), json->len }, headers);
    e->http = NULL;
}

static void answer_refused(struct exchange *e, int answer, int64_t wait_ms)
{
    char header[64], detail[200];

    if (answer == LOGIN_WRONG) {
        exchange_audit(e, "login.failed", "", "", false, "from %s", e->address);
        exchange_error(e, 401, "wrong_password",
                       "the password is wrong, or the one-time URL was used or is too old: restart "
                       "zapkeep-console for a "
                       "new one");
        return;
    }
    (void)snprintf(header, sizeof header, "Retry-After: %lld\n", (long long)((wait_ms + 999) / 1000));
    (void)snprintf(detail, sizeof detail, "too many logins failed; try again in %lld s",
                   (long long)((wait_ms + 999) / 1000));
    http_respond_error(e->http, 429, "rate_limited", detail, header);
    e->http = NULL;
}

void handle_login(struct exchange *e)
{
    CLEANUP(buf_fini) struct buf json = BUF_INIT(4096);
    char password[PASSWORD_MAX + 2], ticket[LOGIN_SECRET_MAX + 1], secret[LOGIN_SECRET_MAX];
    struct identity who = { 0 };
    int64_t wait_ms = 0;
    int r;

    exchange_text(e, NULL, "password", password, sizeof password);
    exchange_text(e, NULL, "ticket", ticket, sizeof ticket);
    r = login_begin(e->c->login, e->address, password, ticket, secret, &who, &wait_ms);
    explicit_bzero(password, sizeof password);
    if (r < 0) {
        exchange_store_error(e, STATE_DB_FILE, r);
        return;
    }
    if (r > 0) {
        answer_refused(e, r, wait_ms);
        return;
    }
    e->who = who;
    exchange_audit(e, "login", "", "", true, "%s", ticket[0] ? "by the one-time URL" : "by password");
    write_me(e, &who, &json);
    answer_with_cookie(e, secret, false, &json);
}

void handle_logout(struct exchange *e)
{
    struct buf none = BUF_NULL;

    if (e->who.by_cookie)
        (void)login_end(e->c->login, &e->who);
    answer_with_cookie(e, "", true, &none);
}

void handle_me(struct exchange *e)
{
    CLEANUP(buf_fini) struct buf json = BUF_INIT(4096);

    write_me(e, &e->who, &json);
    exchange_answer(e, 200, &json);
}
