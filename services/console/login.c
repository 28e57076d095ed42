#include "services/console/login.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/digest.h"
#include "common/base/hex.h"
#include "common/base/mem.h"
#include "services/console/login_limit.h"
#include "services/console/password.h"
#include "services/console/stores.h"
#include "services/console/web_path.h"

#define SECRET_BYTES 32
/* A row is written again when this part of its time has gone, not at every request. */
#define RENEW_PART 8
/* The one-time URL of a start: long enough for a build in another window. */
#define TICKET_MS (60 * 60 * 1000LL)
/* Between two tries of a password, over all addresses: each takes the loop some 20 to 40 ms. */
#define VERIFY_MS 100
/* A token's last use is noted to the hour. */
#define USED_MS (3600 * 1000LL)

struct login {
    const struct console_context *c;
    char password[PASSWORD_HASH_MAX], viewer_password[PASSWORD_HASH_MAX]; /* hashes, "": none */
    char prefix
        [16 +
         PASSWORD_FINGERPRINT_MAX]; /* of the text that is hashed for a login: it ends when a password is changed */
    char ticket[LOGIN_SECRET_MAX];
    int64_t ticket_until; /* loop time */
    struct login_limit limit;
    int64_t verify_at; /* loop time from which a password may be tried again */
};

/* ---- secrets --------------------------------------------------------------------------------- */

static void make_secret(char ret[LOGIN_SECRET_MAX])
{
    uint8_t bytes[SECRET_BYTES];

    rng_secret(bytes, sizeof bytes);
    hex_encode(bytes, sizeof bytes, ret);
}

/* The hash that is stored of a secret, or made of it for another use. */
static int hash_of(const char *prefix, struct str secret, char ret[LOGIN_SECRET_MAX])
{
    uint8_t digest[SHA256_BYTES];
    char text[256];
    int n = snprintf(text, sizeof text, "%s%.*s", prefix, (int)secret.n, secret.p);
    int r = n < 0 || (size_t)n >= sizeof text ? -EINVAL : digest_sha256(text, (size_t)n, digest);

    if (r == 0)
        hex_encode(digest, sizeof digest, ret);
    return r;
}

/* ---- opening --------------------------------------------------------------------------------- */

static int make_prefix(struct login *l)
{
    const struct console_settings *s = l->c->settings;
    char fingerprint[PASSWORD_FINGERPRINT_MAX] = "";
    int r = 0;

    if (s->password[0] || s->viewer_password[0])
        r = password_fingerprint(s->password, s->viewer_password, fingerprint);
    (void)snprintf(l->prefix, sizeof l->prefix, "login:%s:", fingerprint);
    return r;
}

int login_new(const struct console_context *c, struct login **ret)
{
    struct login *l = mem_zalloc(sizeof *l);
    const struct console_settings *s = c->settings;
    int r = 0;

    if (!l)
        return -ENOMEM;
    l->c = c;
    if (s->password[0])
        r = password_hash(s->password, l->password);
    if (r == 0 && s->viewer_password[0])
        r = password_hash(s->viewer_password, l->viewer_password);
    if (r == 0)
        r = make_prefix(l);
    if (r != 0) {
        mem_free(l);
        return r;
    }
    if (!s->password[0]) {
        make_secret(l->ticket);
        l->ticket_until = loop_now_ms(app_loop(c->app)) + TICKET_MS;
    }
    *ret = l;
    return 0;
}

void login_free(struct login *l)
{
    mem_free(l);
}

const char *login_ticket(const struct login *l)
{
    return l->ticket;
}

const char *login_cookie(const struct console_context *c)
{
    /* Cookies are shared by all ports of a host; this name only we can have set, over https and for the whole host. */
    return c->url.https && !c->url.base[0] ? "__Host-" LOGIN_COOKIE : LOGIN_COOKIE;
}

static bool is_address(const char *s)
{
    struct in6_addr a;

    return inet_pton(AF_INET, s, &a) == 1 || inet_pton(AF_INET6, s, &a) == 1;
}

/* Loopback, or a proxy that is named. */
static bool is_believed(const struct console_context *c, const char *peer)
{
    const char *list = c->settings->proxies;
    size_t n = strlen(peer);

    if (strncmp(peer, "127.", 4) == 0 || strcmp(peer, "::1") == 0)
        return true;
    while (*list) {
        size_t word = strcspn(list, ", ");

        if (word == n && memcmp(list, peer, n) == 0)
            return true;
        list += word + (list[word] != '\0');
    }
    return false;
}

/* "127.0.0.1:4711", "[::1]:4711" without the port. */
static void peer_of(const struct http_req *r, char *ret, size_t n)
{
    struct str a = http_req_peer(r);
    const char *colon = memrchr(a.p, ':', a.n);

    if (colon)
        a.n = (size_t)(colon - a.p);
    if (a.n > 1 && a.p[0] == '[')
        a = (struct str){ a.p + 1, a.n - 2 };
    str_copy(a, ret, n);
}

void login_address(const struct console_context *c, const struct http_req *r, char *ret, size_t n)
{
    struct str forwarded = http_req_header(r, "X-Forwarded-For");
    char last[LOGIN_LIMIT_ADDRESS_MAX];
    const char *comma;

    peer_of(r, ret, n);
    if (!c->url.origin[0] || forwarded.n == 0 || !is_believed(c, ret))
        return;
    comma =
        memrchr(forwarded.p, ',', forwarded.n); /* the last one is the proxy's, those before are anybody's */
    if (comma)
        forwarded = (struct str){ comma + 1, forwarded.n - (size_t)(comma + 1 - forwarded.p) };
    while (forwarded.n > 0 && forwarded.p[0] == ' ')
        forwarded.p++, forwarded.n--;
    str_copy(forwarded, last, sizeof last);
    if (forwarded.n < sizeof last && is_address(last))
        str_copy(str_from(last), ret, n);
}

/* ---- who asks -------------------------------------------------------------------------------- */

static void identity_of(const struct access_row *row, struct identity *ret)
{
    ret->role = row->role;
    ret->id = row->id;
    ret->by_cookie = row->kind == ACCESS_LOGIN;
    ret->expires_at = row->expires_at;
    if (row->kind == ACCESS_TOKEN)
        (void)snprintf(ret->actor, sizeof ret->actor, "token:%s", row->name);
    else
        str_copy(str_from(row->actor), ret->actor, sizeof ret->actor);
}

/* A failure only costs a sooner end. */
static void renew(struct login *l, struct db *db, const struct access_row *row, int64_t now)
{
    int64_t until = now + l->c->settings->login_ms;

    if (row->kind == ACCESS_LOGIN && until - row->expires_at > l->c->settings->login_ms / RENEW_PART)
        (void)access_touch(db, row->id, now, until);
    else if (row->kind == ACCESS_TOKEN && now - row->used_at > USED_MS)
        (void)access_touch(db, row->id, now, row->expires_at);
}

static int find(struct login *l, const char *prefix, struct str secret, struct identity *ret)
{
    struct access_row row;
    struct identity who = { 0 };
    char hash[LOGIN_SECRET_MAX];
    struct db *db;
    int64_t now = stores_wall_ms(l->c->stores);
    int r = hash_of(prefix, secret, hash);

    if (r != 0)
        return LOGIN_NOBODY;
    r = stores_state(l->c->stores, &db);
    if (r == 0)
        r = access_find(db, hash, now, &row);
    if (r != 0)
        return r < 0 ? r : LOGIN_NOBODY;
    identity_of(&row, &who);
    if (who.by_cookie)
        r = hash_of("csrf:", secret, who.csrf);
    renew(l, db, &row, now);
    *ret = who;
    return r;
}

int login_identify(struct login *l, struct http_req *r, struct identity *ret)
{
    struct str bearer = http_req_header(r, "Authorization");
    struct str cookie = http_req_header(r, "Cookie");
    struct str secret = cookie.p ? web_path_cookie(cookie, login_cookie(l->c)) : STR_NULL;

    if (str_starts(bearer, "Bearer " LOGIN_TOKEN_START))
        return find(l, "token:", (struct str){ bearer.p + 7, bearer.n - 7 }, ret);
    return secret.n > 0 ? find(l, l->prefix, secret, ret) : LOGIN_NOBODY;
}

/* ---- logins ---------------------------------------------------------------------------------- */

static enum access_role role_for(struct login *l, const char *password, const char *ticket)
{
    if (ticket[0] && l->ticket[0] && loop_now_ms(app_loop(l->c->app)) < l->ticket_until &&
        guard_is_same(str_from(ticket), l->ticket))
        return ACCESS_OPERATOR;
    if (password[0] && l->password[0] && password_is(l->password, str_from(password)))
        return ACCESS_OPERATOR;
    if (password[0] && l->viewer_password[0] && password_is(l->viewer_password, str_from(password)))
        return ACCESS_VIEWER;
    return 0;
}

static int write_login(struct login *l, enum access_role role, const char *address, struct str secret,
                       struct identity *ret)
{
    int64_t now = stores_wall_ms(l->c->stores), id;
    struct access_row row = { .kind = ACCESS_LOGIN,
                              .role = role,
                              .created_at = now,
                              .used_at = now,
                              .expires_at = now + l->c->settings->login_ms };
    struct db *db;
    int r = stores_state(l->c->stores, &db);

    (void)snprintf(row.actor, sizeof row.actor, "%s@%s", role == ACCESS_OPERATOR ? "operator" : "viewer",
                   address);
    if (r == 0)
        r = hash_of(l->prefix, secret, row.hash);
    if (r == 0)
        r = access_add(db, &row, &id);
    if (r == 0)
        r = access_prune(db, now);
    if (r != 0)
        return r;
    row.id = id;
    identity_of(&row, ret);
    return hash_of("csrf:", secret, ret->csrf);
}

int login_begin(struct login *l, const char *address, const char *password, const char *ticket,
                char ret_secret[LOGIN_SECRET_MAX], struct identity *ret, int64_t *ret_wait_ms)
{
    int64_t now = loop_now_ms(app_loop(l->c->app));
    enum access_role role;
    int r;

    *ret_wait_ms = login_limit_wait_ms(&l->limit, address, now);
    if (*ret_wait_ms == 0 && password[0] && now < l->verify_at)
        *ret_wait_ms = l->verify_at - now;
    if (*ret_wait_ms > 0)
        return LOGIN_LIMITED;
    if (password[0])
        l->verify_at = now + VERIFY_MS;
    role = role_for(l, password, ticket);
    if (!role) {
        login_limit_failed(&l->limit, address, now);
        return LOGIN_WRONG;
    }
    login_limit_succeeded(&l->limit, address, now);
    make_secret(ret_secret);
    *ret = (struct identity){ 0 };
    r = write_login(l, role, address, str_from(ret_secret), ret);
    if (r == 0 && ticket[0])
        explicit_bzero(l->ticket,
                       sizeof l->ticket); /* once; a store that fails for a moment uses nothing up */
    return r;
}

int login_end(struct login *l, const struct identity *who)
{
    struct db *db;
    int r = stores_state(l->c->stores, &db);

    if (r == 0)
        r = access_remove(db, ACCESS_LOGIN, who->id);
    return r < 0 ? r : 0;
}

int login_make_token(struct login *l, const char *name, enum access_role role, const char *actor,
                     char ret_token[LOGIN_SECRET_MAX + 8], int64_t *ret_id)
{
    struct access_row row = { .kind = ACCESS_TOKEN,
                              .role = role,
                              .created_at = stores_wall_ms(l->c->stores) };
    char secret[LOGIN_SECRET_MAX], token[LOGIN_SECRET_MAX + 8];
    struct db *db;
    int64_t n = 0;
    int r = stores_state(l->c->stores, &db);

    make_secret(secret);
    (void)snprintf(token, sizeof token, LOGIN_TOKEN_START "%s", secret);
    str_copy(str_from(name), row.name, sizeof row.name);
    str_copy(str_from(actor), row.actor, sizeof row.actor);
    if (r == 0)
        r = hash_of("token:", str_from(token), row.hash);
    if (r == 0)
        r = access_count(db, ACCESS_TOKEN, &n);
    if (r == 0 && n >= ACCESS_MAX)
        r = -ENOSPC;
    if (r == 0)
        r = access_add(db, &row, ret_id);
    if (r == 0)
        (void)snprintf(ret_token, LOGIN_SECRET_MAX + 8, "%s", token);
    return r;
}
