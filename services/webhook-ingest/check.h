/*
 * May this request's body be read? Decided from the header alone. Pure.
 */
#pragma once

#include <stdbool.h>

#include "common/bridge/signature.h"
#include "common/domain/session.h"

struct check_input {
    struct str method, path, query;
    struct webhook_request headers; /* its body is not looked at */
    const struct tokens *tokens;
    const int *schemes;        /* signatures that may stand for a token, 0-ended; NULL: none */
    bool must_be_signed;       /* there is no token that a request may present */
    bool is_configured;        /* webhooks of this path's bridge are taken */
    struct str default_bridge; /* the bridge of the path without a name */
    bool takes_forms;          /* the bridge may send forms with JSON in a field */
    bool is_own_host;          /* asked only without tokens: is Host a name of this machine? */
};

struct check_result {
    int status; /* 0: read the body; else the answer */
    const char *error, *detail, *headers;
    struct str bridge; /* of the path; STR_NULL: it is no webhook's */
    bool is_signed;    /* status 0: the signature is still to be checked, with the body */
    bool is_known;     /* status not 0: the sender has presented a token; the request is worth keeping */
};

/* The bridge a path is of, STR_NULL: no path of a webhook. */
struct str check_bridge(struct str path, struct str default_bridge);
/* The session that a path names, for bridges whose webhooks name none; "": it names none. */
void check_session(struct str path, char ret[SESSION_ID_MAX]);
/* Is the body a form? */
bool check_is_form(struct str content_type);
struct check_result check_request(const struct check_input *in);

/* The 401 for an auth_answer. */
struct check_result check_refused(int auth);
