/*
 * The sender of a request: by the cookie of a login or by an API token. Logins begin with a password, or with the ticket of the one-time
 * URL that is printed at the start on loopback. They are rows of state.db, so they outlive a restart.
 */
#pragma once

#include "common/store/access.h"
#include "services/console/context.h"

#define LOGIN_COOKIE      "zapkeep_session"
#define LOGIN_SECRET_MAX  65 /* 64 hex digits and a NUL: 256 random bits */
#define LOGIN_TOKEN_START "zk_"

struct identity {
    enum access_role role;
    int64_t id;     /* of its row */
    bool by_cookie; /* needs the CSRF token */
    char csrf[LOGIN_SECRET_MAX];
    char actor[ACCESS_ACTOR_MAX]; /* "operator", "token:deploy" */
    int64_t expires_at;           /* wall ms, 0: never */
};

struct login;

/* Hashes the passwords; without one a ticket is made. Logins of other passwords than these have ended. Returns 0, -EINVAL (a password that cannot be used), or -ENOMEM. */
int login_new(const struct console_context *c, struct login **ret);
void login_free(struct login *l); /* NULL is nothing */
/* The ticket of the one-time URL, "": there is a password. */
const char *login_ticket(const struct login *l);

#define LOGIN_NOBODY 1
/* By its cookie or token. Returns 0, LOGIN_NOBODY, or a negative of the store. */
int login_identify(struct login *l, struct http_req *r, struct identity *ret);

enum login_answer {
    LOGIN_WRONG = 1,
    LOGIN_LIMITED = 2, /* *ret_wait_ms */
};
/* Either may be "". @secret gets the value of the cookie. Returns 0, a login_answer, or a negative of the store. */
int login_begin(struct login *l, const char *address, const char *password, const char *ticket,
                char ret_secret[LOGIN_SECRET_MAX], struct identity *ret, int64_t *ret_wait_ms);
int login_end(struct login *l, const struct identity *who);

/* A token for scripts. Returns 0, -ENOSPC (there are ACCESS_MAX), or a negative. */
int login_make_token(struct login *l, const char *name, enum access_role role, const char *actor,
                     char ret_token[LOGIN_SECRET_MAX + 8], int64_t *ret_id);

/* The name of the cookie. */
const char *login_cookie(const struct console_context *c);
/* The address that the request comes from: of the peer, or, when that is a proxy which is believed, the last one of
 * X-Forwarded-For. */
void login_address(const struct console_context *c, const struct http_req *r, char *ret, size_t n);
