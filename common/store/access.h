/*
 * The users of the console: logins and API tokens in state.db. A secret itself is never stored, only its SHA-256 in hex: a
 * secret has 256 random bits, so a slow hash would add nothing.
 *
 * Every function runs inside the caller's transaction if there is one, else in its own.
 */
#pragma once

#include <stdint.h>

#include "common/store/db.h"

#define ACCESS_NONE 1 /* answer: no such row */

#define ACCESS_NAME_MAX  65
#define ACCESS_HASH_MAX  65
#define ACCESS_ACTOR_MAX 96
/* Rows of each kind at most; of logins the oldest goes, a further token is refused. */
#define ACCESS_MAX 256

enum access_kind { ACCESS_LOGIN = 1, ACCESS_TOKEN };
enum access_role { ACCESS_VIEWER = 1, ACCESS_OPERATOR };

struct access_row {
    int64_t id;
    enum access_kind kind;
    enum access_role role;
    char name[ACCESS_NAME_MAX];   /* a token's, as its maker called it; of a login: the role */
    char hash[ACCESS_HASH_MAX];   /* of the secret */
    char actor[ACCESS_ACTOR_MAX]; /* who made it */
    int64_t created_at, used_at;  /* wall ms */
    int64_t expires_at;           /* wall ms, 0: never */
};

/* id of the row is ignored; *ret_id is its number. */
int access_add(struct db *db, const struct access_row *row, int64_t *ret_id);
/* Returns 0, ACCESS_NONE (also when it has expired by @now_ms), or -errno. */
int access_find(struct db *db, const char *hash, int64_t now_ms, struct access_row *ret);
int access_touch(struct db *db, int64_t id, int64_t used_at, int64_t expires_at);
int access_remove(struct db *db, enum access_kind kind, int64_t id);
int access_count(struct db *db, enum access_kind kind, int64_t *ret);
/* Logins that have expired, and the oldest of those beyond ACCESS_MAX. */
int access_prune(struct db *db, int64_t now_ms);
/* In order of id. */
int access_each(struct db *db, enum access_kind kind, int (*on_row)(void *ctx, const struct access_row *row),
                void *ctx);
