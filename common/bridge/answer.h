/*
 * The drivers share this in reading answers. Used inside common/bridge only. Each driver says in
 * a table of paths where its answers have the few fields that are wanted.
 */
#pragma once

#include "common/base/json_in.h"
#include "common/bridge/driver.h"

/* A PNG of a QR code is 2 to 10 KiB as a data URL; more is not one. */
#define ANSWER_QR_MAX (256 * 1024)

/* 0 for 2xx, else the bridge_answer_kind of the HTTP status; every 404 is BRIDGE_NO_ROUTE. */
int answer_status(const struct bridge_answer *a);
/* The same for a call about one session: a 404 that the bridge's own code wrote (JSON or an empty body, and
 * no "Cannot GET" of a web framework) is BRIDGE_NO_SESSION. */
int answer_status_of_session(const struct bridge_answer *a);

/* Has the body this text, anywhere? */
bool answer_says(const struct bridge_answer *a, const char *text);
/* Is the body JSON, all of it? */
bool answer_is_json(const struct bridge_answer *a);
/* Did a web framework write this, because no handler of the bridge was there ("Cannot GET /x")? */
bool answer_is_framework_miss(const struct bridge_answer *a);
/* A 404 of the web framework, or something that is no JSON: nobody of the bridge handled this path. */
bool answer_is_unrouted(const struct bridge_answer *a);
/* A handler of the bridge answered this GET: a session, a refusal, or a 404 of its own. */
bool answer_is_routed(const struct bridge_answer *a);
/* The verdict of a probe's HTTP status: PROBE_UNAUTHORIZED, PROBE_NOT_YET, or PROBE_YES (go by the body). */
enum probe_verdict answer_probe(const struct bridge_answer *a);

/* A good status with a body that says error all the same ({"error":true}, {"success":false}, …)? */
bool answer_says_error(const struct bridge_answer *a);
/* The same; without @by_status a word at "status" is no error ("FAILED" is the state of a session). */
bool answer_error(const struct bridge_answer *a, bool by_status);

/* Where a driver's answers have the fields of a session: a table of paths for json_in_find(), the most telling first, one of
 * them { ANSWER_TOP, { NULL } }; and the bridge's words for states (driver.h). */
enum answer_field {
    ANSWER_TOP,
    ANSWER_ID,
    ANSWER_STATUS,
    ANSWER_PHONE,
    ANSWER_NAME,
    ANSWER_AGAIN,
    ANSWER_QR,
    ANSWER_ERROR,     /* why it is down: a text that may name a code */
    ANSWER_CONNECTED, /* flags, for answer_form.settle */
    ANSWER_LOGGED_IN,
    ANSWER_FIELDS
};
#define ANSWER_PATHS_MAX 48
struct answer_form {
    const struct json_path *paths;
    int n_paths; /* at most ANSWER_PATHS_MAX */
    const struct bridge_word *words;
    /* The state where it is no word but flags, with the session's value of each field; NULL: none. */
    void (*settle)(const struct json_value v[ANSWER_FIELDS], struct bridge_session *s);
    bool status_is_state; /* "status" at the top is the session's state: "FAILED" there is no refusal */
};
/* The state of a word, -1: none of them. */
int answer_state_of(const struct bridge_word *words, const char *word);

/* Reads the session in a JSON object. Without a word for its status that is known it is in state @otherwise, or, with
 * SESSION_STATE_N, BRIDGE_GARBAGE, as without a JSON object. Without a usable id ret->id is "". @ret_qr (may be NULL)
 * gets the QR code if there is one. Returns 0, BRIDGE_GARBAGE or -ENOMEM; both are untouched unless 0. */
int answer_session(const struct answer_form *f, struct str json, enum session_state otherwise,
                   struct bridge_session *ret, struct buf *ret_qr);

/* The QR code of a session that waits for a scan moves to @ret_qr; that of another one is none: BUF_NULL. */
void answer_move_qr(const struct bridge_session *s, struct buf *qr, struct buf *ret_qr);

/* The shape of every list: calls on_session for each entry of the array. See driver.h, read_list. */
int answer_each(const struct answer_form *f, struct json_value list,
                int (*on_session)(void *ctx, const struct bridge_session *s), void *ctx, int *ret_skipped);

#define ANSWER_LIST_PATHS_MAX 8
/* In one walk: the list of an answer with a good status, the first array at the paths @at (n of them, at most ANSWER_LIST_PATHS_MAX,
 * of field 0), and may it be taken as all sessions? @ret is JSON_IN_ABSENT where there is no array. Returns 0, BRIDGE_GARBAGE (no
 * JSON), BRIDGE_REFUSED (the body says error all the same) or BRIDGE_PAGED (hasMore, next, or a total above the number of entries). */
int answer_find_list(const struct bridge_answer *a, const struct json_path *at, int n,
                     struct json_value *ret);

/* The body of a good health answer says no error. Returns 0 or a bridge_answer_kind. */
int answer_read_health(const struct bridge_answer *a);
